/* SPDX-License-Identifier: MIT */
/* One list of words for all fakes, because the order between them is what tests ask about. */
#include "fake_journal.h"

#include <stdio.h>

enum { JOURNAL_MAX = 8000 };

static char words[JOURNAL_MAX];
static size_t words_len;

void fake_journal_reset(void)
{
    words_len = 0;
}

void fake_journal_add(const char *word)
{
    if (words_len + strlen(word) + 2 > JOURNAL_MAX)
        return; /* a test with so many calls counts them instead */
    words_len += (size_t)snprintf(words + words_len, JOURNAL_MAX - words_len, "%s%s", words_len ? " " : "", word);
}

struct slice fake_journal(void)
{
    return (struct slice){.data = words, .len = words_len};
}
