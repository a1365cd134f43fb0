/* SPDX-License-Identifier: MIT */
/*
 * What clients conclude from an answer.
 *
 * A request's time is as the promise counts it: from before it is sent until its answer is there. Besides the checks of
 * truth.h: of several changes under one If-Match one is made, and of the state that it names; each of a key's answers
 * names the same todo; an answer to a reader that showed a Todo-Version is never an older state; each request is
 * answered in time.
 */
#include <stdio.h>
#include <string.h>

#include "base/etag.h"
#include "client_state.h"
#include "front.h"
#include "store_trip.h"
#include "truth.h"
#include "truth_queue.h"
#include "world.h"

enum { CONDITIONS_MAX = 512, TIME_LIMIT_US = 15000000 };

struct condition {
    char etag[80];
    char id[TODO_ID_MAX + 1];
};

static struct condition met[CONDITIONS_MAX]; /* by a change that was answered with success */
static size_t met_count;
static int64_t went_back_at_us; /* the store; -1: it has not */

void client_judge_anew(bool went_back)
{
    met_count = 0;
    went_back_at_us = went_back ? world.now_us : -1;
}

/* ---- Reading an answer ---- */

struct slice answer_header(const struct request *request, const char *name)
{
    const char *end = strstr(request->out.data, "\r\n\r\n");
    const char *at = strstr(request->out.data, name);
    if (!at || at > end)
        return (struct slice){0};
    at += strlen(name);
    return (struct slice){at, (size_t)(strchr(at, '\r') - at)};
}

static bool etag_of(const struct request *request, int64_t *v, int64_t *life)
{
    struct slice etag = answer_header(request, "\r\nETag: ");
    return etag.data && etag_parse_todo(etag, v, life);
}

/* The value of a member of JSON that this service wrote; "" if there is none before end. */
static void member(const char *json, const char *end, const char *name, char *value, size_t size_bytes)
{
    const char *at = strstr(json, name);
    value[0] = '\0';
    if (!at || at >= end)
        return;
    at += strlen(name);
    size_t len = strcspn(at, "\",}");
    snprintf(value, size_bytes, "%.*s", (int)len, at);
}

struct seen *client_seen(struct client *client, const char *id)
{
    for (unsigned i = 0; i < client_plan.id_count; i++)
        if (strcmp(client_id(i), id) == 0)
            return &client->seen[i];
    return NULL;
}

/* A deletion is not seen by a tag, but by its Todo-Version: the one behind the last state's. */
static void see_deleted(struct client *client, struct todo_version deleted, int number)
{
    struct seen *seen = client_seen(client, client->id);
    if (seen)
        *seen = (struct seen){
            .etag = "\"deleted\"", .v = deleted.v, .life = deleted.life, .is_written = true, .deleted = number};
}

static void see(struct client *client, const char *id, struct slice etag, int64_t v, int64_t life, bool is_written)
{
    struct seen *seen = client_seen(client, id);
    if (!seen)
        return;
    snprintf(seen->etag, sizeof(seen->etag), "%.*s", (int)etag.len, etag.data);
    seen->v = v;
    seen->life = life;
    seen->is_written = is_written;
    seen->deleted = TRUTH_NONE;
}

/* ---- Judging an answer ---- */

/*
 * Without Redis nobody tells a worker how far the store has come; behind a primary that lags it may then answer what is
 * old (cache/watermark.c): if it lost Redis at any time since it was asked.
 */
static bool may_be_behind(const struct client *client)
{
    return store_world.has_lagged && !(home_holds(&client->home) && home_holds(&client->list_home));
}

/*
 * A todo of a store that went back may have fewer versions than an older entry: until that is noticed, such an entry
 * meets the todo's Todo-Version.
 */
static bool is_gone_back(void)
{
    return went_back_at_us >= 0 && world.now_us - went_back_at_us <= truth.rules.stale_us;
}

/* Behind a primary that lags, only what was acknowledged counts, and what a writer has told by way of Redis. */
static bool is_untold(const struct client *client, const struct truth_todo *todo)
{
    return store_world.has_lagged && (!client->shows_written || truth_binds_late(todo, (size_t)client->shown));
}

static void judge_get(struct client *client, const struct request *request)
{
    struct truth_todo *todo = truth_todo_of(client->id);
    int64_t v = 0, life = 0;
    bool exists = request->status == 200 || request->status == 304;
    if (!exists && request->status != 404)
        return;
    if (exists && !etag_of(request, &v, &life)) {
        world_break("a todo is answered without an ETag");
        return;
    }
    truth_told(todo, client->began, exists, v, life, false);
    int number = truth_number(todo, exists, v, life);
    if (client->shown != TRUTH_NONE && number < client->shown && !is_untold(client, todo) && !is_gone_back())
        world_break("backwards: a reader that showed state %d of %s as its Todo-Version was answered state %d",
                    client->shown, todo->id, number);
    struct ticket ticket;
    if (client->shows_ticket && ticket_parse(slice_of(client->version), &ticket))
        truth_queue_shown(ticket, todo->id, number, is_gone_back() || store_world.has_lagged);
    if (exists)
        see(client, client->id, answer_header(request, "\r\nETag: "), v, life, false);
    struct slice cache = answer_header(request, "\r\nCache-Status: ");
    client_counts.reads++;
    client_counts.hits += cache.data && memmem(cache.data, cache.len, "; hit", 5) != NULL;
}

/* ---- Queued writes ---- */

/* A write that was accepted: nothing is known of it yet. Only a body tells whose it is, if the key made the id. */
static void take_ticket(struct client *client, const struct request *request)
{
    struct ticket ticket;
    char id[TODO_ID_MAX + 1];
    struct slice text = answer_header(request, "\r\nTodo-Version: ");
    const char *body = strstr(request->out.data, "\r\n\r\n");
    if (!client->sent.prefer.data || !ticket_parse(text, &ticket)) {
        world_break("a write was answered with 202, but without a ticket, or nobody had asked for that");
        return;
    }
    member(body, body + strlen(body), "\"todo\":\"", id, sizeof(id));
    if (client->kind != KIND_KEYED)
        snprintf(id, sizeof(id), "%s", client->id);
    snprintf(client->ticket.text, sizeof(client->ticket.text), "%.*s", (int)text.len, text.data);
    snprintf(client->ticket.id, sizeof(client->ticket.id), "%s", id);
    truth_queue_accepted(ticket, id);
    client_counts.queued++;
}

/* What is known of a write may be forgotten by the journal, never that it was there. */
static void judge_ticket(const struct client *client, const struct request *request)
{
    struct ticket ticket;
    char state[16] = "", version_text[TODO_VERSION_TEXT_MAX + 1], id[TODO_ID_MAX + 1];
    if ((request->status != 200 && request->status != 404) || !ticket_parse(slice_of(client->version), &ticket))
        return;
    const char *body = strstr(request->out.data, "\r\n\r\n"), *end = body + strlen(body);
    if (request->status == 200)
        member(body, end, "\"state\":\"", state, sizeof(state));
    member(body, end, "\"version\":\"", version_text, sizeof(version_text));
    member(body, end, "\"todo\":\"", id, sizeof(id));
    struct todo_version version = todo_version_parse(slice_of(version_text), id);
    truth_queue_told(ticket, slice_of(state), (struct store_version){.v = version.v, .life = version.life},
                     client->sent_us);
}

/* Link names the first page and, if there is one, the next. */
static void list_go_on(struct client *client, const struct request *request)
{
    struct slice link = answer_header(request, "\r\nLink: ");
    const char *next = link.data ? memmem(link.data, link.len, ", </todos?", 10) : NULL;
    client->next[0] = '\0';
    if (next)
        snprintf(client->next, sizeof(client->next), "%.*s", (int)strcspn(next + 10, ">"), next + 10);
}

/* A part of the list says nothing about what it lacks. */
static void judge_list(const struct client *client, const struct request *request)
{
    if (request->status != 200)
        return;
    const char *body = strstr(request->out.data, "\r\n\r\n");
    client_counts.reads++;
    for (unsigned i = 0; i < client_plan.id_count; i++) {
        char quoted[TODO_ID_MAX + 8];
        snprintf(quoted, sizeof(quoted), "\"id\":\"%s\"", client_id(i));
        const char *at = strstr(body, quoted);
        if (!at && client->query[0])
            continue;
        char name[16] = "";
        if (at)
            member(at, strchr(at, '}'), "\"name\":\"", name, sizeof(name));
        struct truth_todo *todo = truth_todo_of(client_id(i));
        const struct truth_state *state = &todo->states[0];
        if (at) {
            size_t n = todo->count;
            while (n-- > 0 && strcmp(todo->states[n].name, name) != 0)
                ;
            if (n >= todo->count) {
                world_break("invented: a page shows %s as %s, which the store never held", todo->id, name);
                return;
            }
            state = &todo->states[n];
        }
        truth_told(todo, client->began, at != NULL, state->v, state->life, true);
    }
}

/* Of several changes under one If-Match one is made. */
static void judge_condition(const struct client *client)
{
    if (!client->sent.if_match.data || client->sent_us <= went_back_at_us)
        return; /* a store that goes back meets a condition again */
    for (size_t i = 0; i < met_count; i++)
        if (strcmp(met[i].etag, client->etag) == 0 && strcmp(met[i].id, client->id) == 0)
            world_break("two changes of %s under If-Match: %s were made", client->id, client->etag);
    if (met_count < CONDITIONS_MAX) {
        struct condition *condition = &met[met_count++];
        snprintf(condition->etag, sizeof(condition->etag), "%s", client->etag);
        snprintf(condition->id, sizeof(condition->id), "%s", client->id);
    }
}

/* What a condition was about came right before what it made. */
static void judge_before(const struct client *client, const struct truth_todo *todo, int number)
{
    int64_t v, life;
    if (!client->sent.if_match.data || number < 1 || !etag_parse_todo(slice_of(client->etag), &v, &life))
        return;
    const struct truth_state *before = &todo->states[number - 1];
    if (!before->exists || before->v != v || before->life != life)
        world_break("a change of %s under If-Match: %s was made of another state", todo->id, client->etag);
}

/* "done": each cache in front has acknowledged. */
static void judge_purge(const struct truth_todo *todo, int number, const struct request *request)
{
    if (number == TRUTH_NONE || !slice_equal(answer_header(request, "\r\nPurge-Status: "), SLICE("done")))
        return;
    int64_t since_us = todo->states[number].from_us;
    if (!front_was_told((size_t)(todo - truth.todos), since_us) || !front_was_told(FRONT_LIST, since_us))
        world_break("a write of %s says that its purge is done, but a cache in front was not told", todo->id);
}

static void judge_write(struct client *client, const struct request *request)
{
    if (request->status == 202) {
        take_ticket(client, request);
        return;
    }
    struct truth_todo *todo = truth_todo_of(client->id);
    int64_t v, life;
    if (request->status == 204 && client->kind == KIND_DELETE) {
        struct todo_version deleted = todo_version_parse(answer_header(request, "\r\nTodo-Version: "), client->id);
        int number = truth_wrote(todo, false, deleted.v - 1, deleted.life, client->sent_us);
        judge_purge(todo, number, request);
        see_deleted(client, deleted, number);
        judge_before(client, todo, number);
        judge_condition(client);
        client_counts.writes++;
    } else if (request->status == 200 || request->status == 201 || request->status == 204) {
        if (!etag_of(request, &v, &life)) {
            world_break("a write is answered without an ETag");
            return;
        }
        int number = truth_wrote(todo, true, v, life, client->sent_us);
        judge_purge(todo, number, request);
        judge_before(client, todo, number);
        judge_condition(client);
        see(client, client->id, answer_header(request, "\r\nETag: "), v, life, true);
        client_counts.writes++;
    }
}

static bool was_made(const char *id, const char *name)
{
    const struct truth_todo *todo = truth_todo_of(id);
    for (size_t i = 0; i < todo->count; i++)
        if (strcmp(todo->states[i].name, name) == 0)
            return true;
    return false;
}

static bool was_made_anywhere(const char *name)
{
    for (size_t i = 0; i < truth.todo_count; i++)
        if (was_made(truth.todos[i].id, name))
            return true;
    return false;
}

/* A key makes one todo, however often and wherever it is sent. 409: a client has PUT a todo of its own at that id. */
static void judge_keyed(struct client *client, const struct request *request)
{
    struct used_key *key = &client_keys[client->key];
    char id[TODO_ID_MAX + 1];
    if (request->status == 409 && !was_made_anywhere(key->name))
        key->is_open = false;
    if (request->status == 202)
        take_ticket(client, request);
    if (request->status != 201)
        return;
    key->is_open = false;
    struct slice location = answer_header(request, "\r\nLocation: /todos/");
    snprintf(id, sizeof(id), "%.*s", (int)location.len, location.data);
    if (key->id[0] && strcmp(key->id, id) != 0)
        world_break("the key %s made two todos: %s and %s", client->key_text, key->id, id);
    if (!was_made(id, key->name) && !truth_queue_made(id, key->name))
        world_break("the answer to the key %s names %s, which was never made", client->key_text, id);
    snprintf(key->id, sizeof(key->id), "%s", id);
    client_counts.writes++;
}

void client_judge(struct client *client, const struct request *request)
{
    int64_t took_us = world.now_us - client->sent_us;
    if (took_us > TIME_LIMIT_US && !client->froze)
        world_break("a request was answered after %lld ms", (long long)took_us / 1000);
    if (request->status >= 500 && request->status != 503 && request->status != 504)
        world_break("a request was answered with %d", request->status);
    switch (client->kind) {
    case KIND_GET:
        if (!may_be_behind(client))
            judge_get(client, request);
        break;
    case KIND_LIST:
        list_go_on(client, request);
        if (!may_be_behind(client))
            judge_list(client, request);
        break;
    case KIND_KEYED:
        judge_keyed(client, request);
        break;
    case KIND_TICKET:
        judge_ticket(client, request);
        break;
    case KIND_OTHER:
        break;
    default:
        judge_write(client, request);
        break;
    }
}
