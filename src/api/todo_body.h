/* SPDX-License-Identifier: MIT */
/*
 * Request bodies that describe a todo: media type, JSON, members. Each function answers the request and returns false
 * if the body can't be used.
 */
#ifndef API_TODO_BODY_H
#define API_TODO_BODY_H

#include "api/request.h"
#include "base/todo.h"
#include "base/todo_json.h"

/* 415, with Accept-Patch, Accept-Post or Accept-Encoding, unless the body is of this media type, and not compressed. */
bool body_has_type(struct request *request, const char *type);

/*
 * Reads a whole todo, for POST and PUT. id absent: the body's, or a new UUIDv7. id given: the body may only repeat it,
 * and may have the members that a client can't set; draft has their values.
 */
bool body_read_todo(struct request *request, struct slice id, struct todo_draft *draft, struct todo *todo);

/* Reads a merge patch; draft->present says which members it changes. */
bool body_read_patch(struct request *request, struct slice id, struct todo_draft *draft);

#endif
