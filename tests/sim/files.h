/* SPDX-License-Identifier: MIT */
/* The files that settings name: passwords and header fields. The linker leads fopen() here. */
#ifndef TESTS_SIM_FILES_H
#define TESTS_SIM_FILES_H

#include <stdbool.h>

#define FILES_PASSWORD "let me in"

struct files {
    bool has_no_password, has_old_password;
};

extern struct files files;

#endif
