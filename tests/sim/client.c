/* SPDX-License-Identifier: MIT */
/*
 * What clients ask, and what they conclude from the answers.
 *
 * A request's time is as the promise counts it: from before it is sent until its answer is there. Without an answer (the
 * worker died) a write may have been made or not, and binds nobody.
 *
 * Besides the checks of truth.h: of several changes under one If-Match one is made; a key makes one todo, and each of
 * its answers names the same one; an answer to a reader that showed a Todo-Version is never an older state; each
 * request is answered in time.
 */
#include "client.h"

#include <stdio.h>
#include <string.h>

#include "base/etag.h"
#include "base/mem.h"
#include "base/todo_version.h"
#include "store_trip.h"
#include "truth.h"
#include "worker.h"
#include "world.h"

enum { KEYS_MAX = 12, CONDITIONS_MAX = 512, TIME_LIMIT_US = 15000000, TEXT_MAX = 160 };

enum client_kind { KIND_GET, KIND_LIST, KIND_PUT, KIND_PATCH, KIND_DELETE, KIND_POST, KIND_KEYED, KIND_OTHER };

struct client {
    unsigned number;
    struct dice dice;
    struct worker *worker; /* that works on its request; NULL: it thinks */
    uint64_t request;      /* grows with each */
    enum client_kind kind;
    struct request sent;
    char id[TODO_ID_MAX + 1], path[TEXT_MAX], query[32], body[TEXT_MAX], etag[80], version[TODO_VERSION_TEXT_MAX + 1],
        name[16];
    unsigned key; /* KEYED: of keys */
    char key_text[16];
    int64_t began_us; /* the promise's time */
    int64_t sent_us;  /* the world's */
    bool trusted;     /* the worker trusted Redis when it was asked */
    bool froze;       /* a worker was frozen meanwhile: no time limit holds */
    int shown;        /* state whose Todo-Version was shown; TRUTH_NONE: none */
    struct seen {
        char etag[80]; /* "": not seen */
        int64_t v, life;
    } seen[8]; /* by id */
};

/* An Idempotency-Key: any client may use it, always with the same body. */
struct key {
    char name[16];
    char id[TODO_ID_MAX + 1]; /* that it made; "": not known */
    bool is_open;             /* no answer to it was final */
};

struct condition {
    char etag[80];
    char id[TODO_ID_MAX + 1];
};

struct client_counts client_counts;

static struct client_plan plan;
static struct client clients[CLIENTS_MAX];
static struct key keys[KEYS_MAX];
static struct condition met[CONDITIONS_MAX]; /* by a change that was answered with success */
static size_t met_count;
static unsigned name_count;
static bool is_stopped, is_paused, only_read;

static const char *const ids[] = {"todo-a", "todo-b", "todo-c", "todo-d", "todo-e", "todo-f", "todo-g", "todo-h"};

const char *client_id(unsigned number)
{
    return ids[number % (sizeof(ids) / sizeof(*ids))];
}

void client_name(char name[16])
{
    snprintf(name, 16, "n%u", ++name_count);
}

static void client_think(struct client *client);

/* ---- Reading an answer ---- */

static struct slice header(const struct request *request, const char *name)
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
    struct slice etag = header(request, "\r\nETag: ");
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

static struct seen *seen_of(struct client *client, const char *id)
{
    for (unsigned i = 0; i < plan.id_count; i++)
        if (strcmp(client_id(i), id) == 0)
            return &client->seen[i];
    return NULL;
}

static void see(struct client *client, const char *id, struct slice etag, int64_t v, int64_t life)
{
    struct seen *seen = seen_of(client, id);
    if (!seen)
        return;
    snprintf(seen->etag, sizeof(seen->etag), "%.*s", (int)etag.len, etag.data);
    seen->v = v;
    seen->life = life;
}

/* ---- Judging an answer ---- */

/*
 * Without Redis nobody tells a worker how far the store has come; behind a primary that lags it may then answer what is
 * old (cache/watermark.c).
 */
static bool may_be_behind(const struct client *client)
{
    return store_world.has_lagged && !(client->trusted && cache_is_trusted(client->worker->services->cache));
}

static void judge_get(struct client *client, const struct request *request)
{
    if (may_be_behind(client))
        return;
    struct truth_todo *todo = truth_todo_of(client->id);
    int64_t v = 0, life = 0;
    bool exists = request->status == 200 || request->status == 304;
    if (!exists && request->status != 404)
        return;
    if (exists && !etag_of(request, &v, &life)) {
        world_break("a todo is answered without an ETag");
        return;
    }
    truth_told(todo, client->began_us, exists, v, life, false);
    int number = truth_number(todo, exists, v, life);
    if (client->shown != TRUTH_NONE && number < client->shown)
        world_break("backwards: a reader that showed state %d of %s as its Todo-Version was answered state %d",
                    client->shown, todo->id, number);
    if (exists)
        see(client, client->id, header(request, "\r\nETag: "), v, life);
    struct slice cache = header(request, "\r\nCache-Status: ");
    client_counts.reads++;
    client_counts.hits += cache.data && memmem(cache.data, cache.len, "; hit", 5) != NULL;
}

static void judge_list(const struct client *client, const struct request *request)
{
    if (request->status != 200 || client->query[0])
        return; /* a part of the list says nothing about what it lacks */
    const char *body = strstr(request->out.data, "\r\n\r\n");
    client_counts.reads++;
    for (unsigned i = 0; i < plan.id_count; i++) {
        char quoted[TODO_ID_MAX + 8], v[24] = "";
        snprintf(quoted, sizeof(quoted), "\"id\":\"%s\"", client_id(i));
        const char *at = strstr(body, quoted);
        char name[16] = "";
        if (at)
            member(at, strchr(at, '}'), "\"name\":\"", name, sizeof(name));
        (void)v;
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
        truth_told(todo, client->began_us, at != NULL, state->v, state->life, true);
    }
}

/* Of several changes under one If-Match one is made. */
static void judge_condition(const struct client *client)
{
    if (!client->sent.if_match.data)
        return;
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

static void judge_write(struct client *client, const struct request *request)
{
    struct truth_todo *todo = truth_todo_of(client->id);
    int64_t v, life;
    if (request->status == 204) {
        struct todo_version deleted = todo_version_parse(header(request, "\r\nTodo-Version: "), client->id);
        int number = truth_wrote(todo, false, deleted.v - 1, deleted.life);
        judge_before(client, todo, number);
        judge_condition(client);
        client_counts.writes++;
    } else if (request->status == 200 || request->status == 201) {
        if (!etag_of(request, &v, &life)) {
            world_break("a write is answered without an ETag");
            return;
        }
        int number = truth_wrote(todo, true, v, life);
        judge_before(client, todo, number);
        judge_condition(client);
        see(client, client->id, header(request, "\r\nETag: "), v, life);
        client_counts.writes++;
    }
}

/* A key makes one todo, however often and wherever it is sent. */
static void judge_keyed(const struct client *client, const struct request *request)
{
    struct key *key = &keys[client->key];
    char id[TODO_ID_MAX + 1];
    if (request->status != 201)
        return;
    key->is_open = false;
    struct slice location = header(request, "\r\nLocation: /todos/");
    snprintf(id, sizeof(id), "%.*s", (int)location.len, location.data);
    if (key->id[0] && strcmp(key->id, id) != 0)
        world_break("the key %s made two todos: %s and %s", client->key_text, key->id, id);
    snprintf(key->id, sizeof(key->id), "%s", id);
    client_counts.writes++;
}

static void judge(struct client *client, const struct request *request)
{
    int64_t took_us = world.now_us - client->sent_us;
    if (took_us > TIME_LIMIT_US && !client->froze)
        world_break("a request was answered after %lld ms", (long long)took_us / 1000);
    if (request->status >= 500 && request->status != 503 && request->status != 504)
        world_break("a request was answered with %d", request->status);
    switch (client->kind) {
    case KIND_GET:
        judge_get(client, request);
        break;
    case KIND_LIST:
        judge_list(client, request);
        break;
    case KIND_KEYED:
        judge_keyed(client, request);
        break;
    case KIND_OTHER:
        break;
    default:
        judge_write(client, request);
        break;
    }
}

static void on_answer(void *ctx, const struct request *request)
{
    struct client *client = ctx;
    struct slice cache = header(request, "\r\nCache-Status: ");
    world_note('a', client->number, (uint64_t)request->status);
    struct slice etag = header(request, "\r\nETag: ");
    const char *problem = request->status >= 400 ? strstr(request->out.data, "/problems/") : NULL;
    world_tell("client %u: %d %.*s %.*s%.*s", client->number, request->status, (int)etag.len,
               etag.data ? etag.data : "", (int)cache.len, cache.data ? cache.data : "",
               problem ? (int)strcspn(problem, "\"") : 0, problem ? problem : "");
    client_counts.answered++;
    judge(client, request);
    client->worker = NULL;
    client_think(client);
}

/* ---- Asking ---- */

static void draw_read(struct client *client)
{
    struct request *sent = &client->sent;
    client->kind = KIND_GET;
    sent->method_text = SLICE("GET");
    switch (dice_below(&client->dice, 14)) {
    case 0:
        sent->cache_control = SLICE("no-cache");
        break;
    case 1:
        sent->cache_control = SLICE("only-if-cached");
        break;
    case 2:
        sent->cache_control = SLICE("max-age=1");
        break;
    case 3:
        sent->cache_control = SLICE("min-fresh=2");
        break;
    case 4:
        sent->method_text = SLICE("HEAD");
        break;
    default:
        break;
    }
    const struct seen *seen = seen_of(client, client->id);
    if (seen && seen->etag[0] && dice_one_in(&client->dice, 4)) {
        const struct truth_todo *todo = truth_todo_of(client->id);
        todo_version_print(client->version, client->id, (struct todo_version){.v = seen->v, .life = seen->life});
        sent->todo_version = slice_of(client->version);
        client->shown = truth_number(todo, true, seen->v, seen->life);
    }
    if (seen && seen->etag[0] && dice_one_in(&client->dice, 8)) {
        snprintf(client->etag, sizeof(client->etag), "%s", seen->etag);
        sent->if_none_match = slice_of(client->etag);
    }
}

static void draw_list(struct client *client)
{
    static const char *const queries[] = {"", "", "", "", "limit=2", "order=asc&limit=3", "done=true"};
    struct request *sent = &client->sent;
    client->kind = KIND_LIST;
    sent->method_text = SLICE("GET");
    snprintf(client->path, sizeof(client->path), "/todos");
    snprintf(client->query, sizeof(client->query), "%s", queries[dice_below(&client->dice, 7)]);
    if (dice_one_in(&client->dice, 12))
        sent->cache_control = SLICE("no-cache");
}

static void draw_condition(struct client *client)
{
    const struct seen *seen = seen_of(client, client->id);
    struct request *sent = &client->sent;
    if (client->kind == KIND_POST)
        return;
    if (seen && seen->etag[0] && dice_one_in(&client->dice, 2)) {
        snprintf(client->etag, sizeof(client->etag), "%s", seen->etag);
        sent->if_match = slice_of(client->etag);
    } else if (client->kind == KIND_PUT && dice_one_in(&client->dice, 8)) {
        sent->if_none_match = SLICE("*");
    }
}

static void ask_keyed(struct client *client, unsigned number)
{
    struct request *sent = &client->sent;
    client->kind = KIND_KEYED;
    client->key = number;
    sent->method_text = SLICE("POST");
    sent->content_type = SLICE("application/json");
    snprintf(client->path, sizeof(client->path), "/todos");
    struct key *key = &keys[client->key];
    if (!key->name[0]) {
        client_name(key->name);
        key->is_open = true;
    }
    snprintf(client->key_text, sizeof(client->key_text), "\"key-%u\"", client->key);
    snprintf(client->body, sizeof(client->body), "{\"name\":\"%s\"}", key->name);
    sent->idempotency_key = slice_of(client->key_text);
}

static void draw_write(struct client *client)
{
    static const char *const methods[] = {
        [KIND_PUT] = "PUT", [KIND_PATCH] = "PATCH", [KIND_DELETE] = "DELETE", [KIND_POST] = "POST"};
    static const enum client_kind kinds[] = {KIND_PUT,   KIND_PUT,    KIND_PUT, KIND_PATCH,
                                             KIND_PATCH, KIND_DELETE, KIND_POST};
    struct request *sent = &client->sent;
    client->kind = kinds[dice_below(&client->dice, sizeof(kinds) / sizeof(*kinds))];
    sent->method_text = slice_of(methods[client->kind]);
    draw_condition(client);
    if (client->kind == KIND_DELETE)
        return;
    client_name(client->name);
    sent->content_type = client->kind == KIND_PATCH ? SLICE("application/merge-patch+json") : SLICE("application/json");
    if (client->kind == KIND_POST) {
        snprintf(client->path, sizeof(client->path), "/todos");
        snprintf(client->body, sizeof(client->body), "{\"id\":\"%s\",\"name\":\"%s\"}", client->id, client->name);
    } else {
        snprintf(client->body, sizeof(client->body), "{\"name\":\"%s\"}", client->name);
    }
}

static void draw_other(struct client *client)
{
    static const char *const paths[] = {"/healthz", "/readyz", "/metrics", "/nothing"};
    client->kind = KIND_OTHER;
    client->sent.method_text = SLICE("GET");
    snprintf(client->path, sizeof(client->path), "%s", paths[dice_below(&client->dice, 4)]);
}

static void draw_nothing(struct client *client)
{
    client->sent =
        (struct request){.remote_address = SLICE("192.0.2.1"), .request_id = SLICE("5eed0123456789abcdef0123456789ab")};
    client->shown = TRUTH_NONE;
    client->query[0] = client->body[0] = '\0';
}

static void draw(struct client *client)
{
    draw_nothing(client);
    snprintf(client->id, sizeof(client->id), "%s", client_id((unsigned)dice_below(&client->dice, plan.id_count)));
    snprintf(client->path, sizeof(client->path), "/todos/%s", client->id);
    if (dice_one_in(&client->dice, 60))
        draw_other(client);
    else if (!only_read && dice_one_in(&client->dice, plan.write_in) && dice_one_in(&client->dice, plan.key_in))
        ask_keyed(client, (unsigned)dice_below(&client->dice, KEYS_MAX));
    else if (!only_read && dice_one_in(&client->dice, plan.write_in))
        draw_write(client);
    else if (dice_one_in(&client->dice, plan.list_in))
        draw_list(client);
    else
        draw_read(client);
}

/* As nginx does: to a worker that takes connections. */
static struct worker *worker_draw(struct client *client)
{
    for (int tries = 0; tries < 8; tries++) {
        struct worker *worker = &workers[dice_below(&client->dice, WORKERS_MAX)];
        if (worker->state == WORKER_UP)
            return worker;
    }
    return NULL;
}

static void client_send(struct client *client, struct worker *worker)
{
    client->sent.path = slice_of(client->path);
    client->sent.query = slice_of(client->query);
    client->sent.body = slice_of(client->body);
    client->worker = worker;
    client->request++;
    client->began_us = truth_now_us();
    client->sent_us = world.now_us;
    client->froze = worker->process->is_frozen;
    client->trusted = cache_is_trusted(worker->services->cache);
    client_counts.asked++;
    world_note('q', client->number, client->request);
    world_tell("client %u asks worker %u: %.*s %s?%s %s%s%s%s", client->number, worker->process->number,
               (int)client->sent.method_text.len, client->sent.method_text.data, client->path, client->query,
               client->body, client->sent.if_match.data ? " If-Match: " : "",
               client->sent.if_match.data ? client->etag : "", client->sent.todo_version.data ? " Todo-Version" : "");
    worker_ask(worker, &client->sent, on_answer, client);
}

static void client_ask(struct client *client)
{
    struct worker *worker = worker_draw(client);
    if (!worker) {
        client_think(client);
        return;
    }
    draw(client);
    client_send(client, worker);
}
static void on_thought(void *ctx, uint64_t serial)
{
    struct client *client = ctx;
    if (serial != client->request || client->worker || is_stopped)
        return;
    if (is_paused)
        client_think(client);
    else
        client_ask(client);
}

static void client_think(struct client *client)
{
    int64_t most_us = dice_one_in(&client->dice, 10) ? plan.think_most_us * 10 : plan.think_most_us;
    world_after(dice_between(&client->dice, 10, most_us), on_thought, client, client->request);
}

void clients_lost(const struct worker *worker)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &clients[i];
        if (client->worker != worker)
            continue;
        client->worker = NULL;
        client_counts.lost++;
        client_think(client);
    }
}

void clients_froze(void)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        clients[i].froze = true;
}

void clients_begin(const struct client_plan *of)
{
    plan = *of;
    met_count = 0;
    name_count = 0;
    is_stopped = is_paused = only_read = false;
    memset(clients, 0, sizeof(clients));
    memset(keys, 0, sizeof(keys));
    for (unsigned i = 0; i < plan.client_count; i++) {
        clients[i].number = i;
        clients[i].dice = dice_of(plan.seed, 100 + i);
        if (!(plan.silent & 1u << i))
            client_think(&clients[i]);
    }
}

void clients_pause(bool paused)
{
    is_paused = paused;
}

void clients_went_back(void)
{
    met_count = 0;
}

void clients_only_read(void)
{
    only_read = true;
}

void clients_stop(void)
{
    is_stopped = true;
}

bool clients_are_idle(void)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (clients[i].worker)
            return false;
    return true;
}

unsigned clients_open_keys(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < KEYS_MAX; i++)
        count += keys[i].is_open;
    return count;
}

void clients_retry_key(void)
{
    struct client *client = &clients[0];
    struct worker *worker = worker_draw(client);
    unsigned number = 0;
    while (number < KEYS_MAX && !keys[number].is_open)
        number++;
    if (!worker || number == KEYS_MAX)
        return;
    draw_nothing(client);
    ask_keyed(client, number);
    client_send(client, worker);
}

static bool has_made(const struct key *key, const struct truth_todo *todo)
{
    for (size_t i = 0; i < todo->count; i++)
        if (strcmp(todo->states[i].name, key->name) == 0)
            return true;
    return false;
}

void clients_judge_keys(void)
{
    for (unsigned i = 0; i < KEYS_MAX; i++) {
        unsigned made_count = 0;
        for (size_t j = 0; keys[i].name[0] && j < truth.todo_count; j++)
            made_count += has_made(&keys[i], &truth.todos[j]);
        if (made_count > 1)
            world_break("the key key-%u has made %u todos", i, made_count);
    }
}
