# SPDX-License-Identifier: MIT
"""
Filters, updates and orders of MongoDB's query language, as far as the store and its tests use them, for mongo_server.py.

Taken from the server's manual ("Query and Projection Operators", "Update Operators", "Comparison/Sort Order"):
- a comparison holds only between values of one type ("type bracketing"); all numbers are one type, and dates are another;
- $inc of a field that is no number is error 14 (TypeMismatch); $inc and $set of a missing field make it;
- an upsert takes the equalities of the filter and what the update sets;
- an _id is unique by value, so 1 and 1.0 are the same.

Dotted names lead into documents, in filters only; an array matches a value that is one of its elements. Not played: other filters of
arrays, regular expressions, collations. An operator that is not here is an error, so that no test passes because of something that
was ignored.
"""

import functools
import time

from tiny_bson import Date, Int32, ObjectId, Timestamp


class CommandError(Exception):
    def __init__(self, code, name, text, **more):
        super().__init__(text)
        self.document = {"ok": 0.0, "errmsg": text, "code": Int32(code), "codeName": name, **more}


ORDER = ("null", "number", "string", "object", "list", "binary", "id", "bool", "date", "timestamp")


def kind_of(value):
    kinds = (
        (type(None), "null"), (bool, "bool"), (Date, "date"), (Timestamp, "timestamp"), ((int, float), "number"), (ObjectId, "id"),
        (str, "string"), (bytes, "binary"), (dict, "object"), (list, "list"),
    )  # fmt: skip
    return next(name for kind, name in kinds if isinstance(value, kind))


def key_of(value):
    """Equal for values that MongoDB holds for equal."""
    return kind_of(value), repr(value) if isinstance(value, (dict, list)) else value


# ---- Filters ----

COMPARISONS = {
    "$gt": lambda one, other: one > other,
    "$gte": lambda one, other: one >= other,
    "$lt": lambda one, other: one < other,
    "$lte": lambda one, other: one <= other,
}


def value_matches(value, wanted):
    if not (isinstance(wanted, dict) and any(name.startswith("$") for name in wanted)):
        return key_of(wanted) in [key_of(one) for one in (value if isinstance(value, list) else [value])]
    return all(operator_holds(name, value, operand) for name, operand in wanted.items())


def operator_holds(name, value, operand):
    if name == "$in":
        return key_of(value) in [key_of(one) for one in operand]
    if name == "$ne":
        return key_of(value) != key_of(operand)
    if name == "$not":
        return not value_matches(value, operand)
    if name not in COMPARISONS:
        raise CommandError(2, "BadValue", f"unknown operator: {name}")
    return kind_of(value) == kind_of(operand) and COMPARISONS[name](value, operand)


def value_at(document, path):
    for name in path.split("."):
        document = document.get(name) if isinstance(document, dict) else None
    return document


def matches(document, wanted):
    for name, value in wanted.items():
        if name == "$or":
            held = any(matches(document, one) for one in value)
        elif name == "$nor":
            held = not any(matches(document, one) for one in value)
        elif name.startswith("$"):
            raise CommandError(2, "BadValue", f"unknown operator: {name}")
        else:
            held = value_matches(value_at(document, name), value)
        if not held:
            return False
    return True


# ---- Orders and projections ----


def compare(one, other):
    kinds = ORDER.index(kind_of(one)), ORDER.index(kind_of(other))
    if kinds[0] != kinds[1]:
        return kinds[0] - kinds[1]
    if isinstance(one, (dict, list)) or one is None:
        return 0
    return (one > other) - (one < other)


def in_order(documents, sort):
    for name, direction in reversed(list(sort.items())):
        documents = sorted(
            documents,
            key=functools.cmp_to_key(lambda one, other: compare(one.get(name), other.get(name))),  # noqa: B023
            reverse=direction < 0,
        )
    return documents


def project(document, fields):
    if document is None or not fields:
        return document
    return {name: value for name, value in document.items() if fields.get(name) or (name == "_id" and fields.get("_id", 1))}


# ---- Updates ----


def increased(value, by, name):
    if value is None:
        return by
    if kind_of(value) != "number":
        raise CommandError(14, "TypeMismatch", f"Cannot apply $inc to a value of non-numeric type: {name}")
    return float(value) + by if isinstance(value, float) else int(value) + by


def pushed(values, modifiers):
    """$each and a negative $slice: the last ones stay."""
    if set(modifiers) != {"$each", "$slice"} or modifiers["$slice"] >= 0:
        raise CommandError(2, "BadValue", f"$push with other modifiers: {sorted(modifiers)}")
    return [*values, *modifiers["$each"]][modifiers["$slice"] :]


def updated(document, update, inserts):
    """A new document; document itself stays as it is."""
    if not any(name.startswith("$") for name in update):
        return {"_id": document.get("_id"), **update}
    new = dict(document)
    for operator, fields in update.items():
        for name, value in fields.items():
            if operator == "$set" or (operator == "$setOnInsert" and inserts):
                new[name] = value
            elif operator == "$inc":
                new[name] = increased(new.get(name), value, name)
            elif operator == "$push":
                new[name] = pushed(new.get(name, []), value)
            elif operator == "$unset":
                new.pop(name, None)
            elif operator == "$currentDate":
                new[name] = Date(time.time() * 1000)
            elif operator != "$setOnInsert":
                raise CommandError(9, "FailedToParse", f"Unknown modifier: {operator}")
    return new


def upserted(wanted, update):
    equal = {name: value for name, value in wanted.items() if not name.startswith("$") and not isinstance(value, dict)}
    return updated(equal, update, True)
