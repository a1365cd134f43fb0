/* SPDX-License-Identifier: MIT */
/*
 * The parts of slice.h that are more than one line: trimming, splitting, strict integers, and cuts between characters.
 *
 * Numbers from clients and files are parsed here rather than by strtoll(), which skips spaces, takes "+7" and "007",
 * needs a NUL behind the text, and reports an overflow through errno. Values are parts of cache keys, so a second
 * spelling of one number would be a second key for one page.
 *
 * Guarantees: slice_to_int64() takes exactly the texts that printing an int64_t gives; it doesn't touch *value when it
 * returns false. slice_cut() never returns more than max_bytes, and on valid UTF-8 never splits a character.
 *
 * Does not: check that text is UTF-8 (todo.c does), know other bases or fractions.
 */
#include "base/slice.h"

#include "base/word.h"

/* A loop, because there are two or three blanks: a call of memchr() per byte would cost more. */
static bool is_one_of(const char *blanks, char byte)
{
    while (*blanks && *blanks != byte)
        blanks++;
    return *blanks != '\0';
}

struct slice slice_trim_end(struct slice text, const char *blanks)
{
    while (text.len > 0 && is_one_of(blanks, text.data[text.len - 1]))
        text.len--;
    return text;
}

struct slice slice_trim(struct slice text, const char *blanks)
{
    text = slice_trim_end(text, blanks);
    while (text.len > 0 && is_one_of(blanks, text.data[0]))
        text = (struct slice){text.data + 1, text.len - 1};
    return text;
}

struct slice slice_split(struct slice text, char mark, struct slice *rest)
{
    const char *at = text.len > 0 ? memchr(text.data, mark, text.len) : NULL;
    *rest = (struct slice){0};
    if (!at)
        return text;
    size_t len = (size_t)(at - text.data);
    *rest = (struct slice){at + 1, text.len - len - 1};
    return (struct slice){text.data, len};
}

enum { SAFE_DIGITS = 18 }; /* so many never overflow: most numbers of a cache entry are checked for nothing else */

/* Eight digits: neighbours are added up to numbers of two digits, of four, of eight. False: not all are digits. */
static bool sum_eight(const char *digits, int64_t *sum)
{
    uint64_t word = word_of(digits) ^ EACH_BYTE('0');
    if (((word + EACH_BYTE(0x7f - 9)) | word) & EACH_BYTE(0x80))
        return false;
    word = (word * 10 + (word >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    word = (word * 100 + (word >> 16)) & UINT64_C(0x0000ffff0000ffff);
    *sum = (int64_t)((word * 10000 + (word >> 32)) & UINT32_MAX);
    return true;
}

static bool sum_digits(const char *digits, size_t len, int64_t *sum)
{
    int64_t value = 0, eight;
    size_t i = 0;
    for (; len - i >= 8; i += 8) {
        if (!sum_eight(digits + i, &eight))
            return false;
        value = value * 100000000 + eight;
    }
    for (; i < len; i++) {
        unsigned digit = (unsigned char)digits[i] - (unsigned)'0';
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *sum = value;
    return true;
}

/* Adds one digit to a negative number; false if it would pass INT64_MIN. */
static bool add_digit(int64_t *negative, char digit)
{
    if (digit < '0' || digit > '9')
        return false;
    return !__builtin_mul_overflow(*negative, 10, negative) &&
           !__builtin_sub_overflow(*negative, digit - '0', negative);
}

bool slice_to_int64(struct slice text, int64_t *value)
{
    bool minus = text.len > 0 && text.data[0] == '-';
    size_t first = minus ? 1 : 0;
    if (text.len == first)
        return false;
    if (text.data[first] == '0' && (minus || text.len > 1))
        return false; /* "-0", "-07" and "07" are second spellings */

    int64_t sum;
    if (text.len - first <= SAFE_DIGITS) {
        if (!sum_digits(text.data + first, text.len - first, &sum))
            return false;
        *value = minus ? -sum : sum;
        return true;
    }

    /* Summed up below zero, where there is room for one more value than above. */
    int64_t negative = 0;
    for (size_t i = first; i < text.len; i++)
        if (!add_digit(&negative, text.data[i]))
            return false;
    if (!minus && negative == INT64_MIN)
        return false;
    *value = minus ? negative : -negative;
    return true;
}

size_t slice_cut(struct slice text, size_t max_bytes)
{
    if (text.len <= max_bytes)
        return text.len;
    size_t len = max_bytes;
    while (len > 0 && ((unsigned char)text.data[len] & 0xC0) == 0x80)
        len--; /* the cut would be inside a character */
    return len;
}

void slice_copy(char *text, size_t size_bytes, struct slice source)
{
    size_t len = slice_cut(source, size_bytes - 1);
    if (len > 0)
        memcpy(text, source.data, len);
    text[len] = '\0';
}

static size_t digit_count(uint64_t value)
{
    size_t count = 1;
    for (uint64_t limit = 10; value >= limit; limit *= 10) /* no int64_t comes to the limit of 20 digits */
        count++;
    return count;
}

struct slice slice_of_int64(char text[INT64_TEXT_MAX + 1], int64_t value)
{
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    size_t len = (value < 0) + digit_count(rest);
    char *at = text + len;
    *at = '\0';
    for (; rest >= 10; rest /= 10)
        *--at = (char)('0' + rest % 10);
    *--at = (char)('0' + rest);
    if (value < 0)
        *text = '-';
    return (struct slice){text, len};
}
