/* SPDX-License-Identifier: MIT */
/*
 * From the parameters of a FastCGI request to the slices of struct request.
 * context  any (pure)
 */
#ifndef SERVER_FCGI_PARAMS_H
#define SERVER_FCGI_PARAMS_H

#include "api/request.h"

/* params are "NAME=value" and end with NULL; the slices borrow them. A joined field is in the request's arena. */
void fcgi_params_read(struct request *request, char **params);

/* Resets these slices, and that of the body. */
void fcgi_params_forget(struct request *request);

#endif
