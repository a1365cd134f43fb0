/* SPDX-License-Identifier: MIT */
/*
 * What clients ask, and when.
 *
 * Without an answer (the worker died) a write may have been made or not, and binds nobody. client_judge.c has what is
 * concluded from the others.
 */

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "client_state.h"
#include "truth.h"
#include "world.h"

enum { WAIT_US = 993000 }; /* a second (cache/write.c), by a fast clock (machine.c) of whole milliseconds */

struct client_counts client_counts;

struct client_plan client_plan;
struct used_key client_keys[KEYS_MAX];
static struct client clients[CLIENTS_MAX];
static unsigned name_count;
static bool is_stopped, is_paused, only_read;

static const char *const ids[CLIENT_IDS] = {"todo-a", "todo-b", "todo-c", "todo-d",
                                            "todo-e", "todo-f", "todo-g", "todo-h"};

const char *client_id(unsigned number)
{
    return ids[number % CLIENT_IDS];
}

void client_name(char name[16])
{
    snprintf(name, 16, "n%u", ++name_count);
}

static void client_think(struct client *client);

static void on_answer(void *ctx, const struct request *request)
{
    struct client *client = ctx;
    struct slice cache = answer_header(request, "\r\nCache-Status: ");
    world_note('a', client->number, (uint64_t)request->status);
    struct slice etag = answer_header(request, "\r\nETag: ");
    const char *problem = request->status >= 400 ? strstr(request->out.data, "/problems/") : NULL;
    world_tell("client %u: %d %.*s %.*s%.*s", client->number, request->status, (int)etag.len,
               etag.data ? etag.data : "", (int)cache.len, cache.data ? cache.data : "",
               problem ? (int)strcspn(problem, "\"") : 0, problem ? problem : "");
    client_counts.answered++;
    client_judge(client, request);
    client->worker = NULL;
    client_think(client);
}

/* ---- Asking ---- */

static void draw_read(struct client *client)
{
    struct request *sent = &client->sent;
    client->kind = KIND_GET;
    sent->method_text = SLICE("GET");
    switch (dice_below(&client->dice, 15)) {
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
        sent->cache_control = SLICE("no-cache, only-if-cached");
        break;
    case 5:
        sent->method_text = SLICE("HEAD");
        break;
    default:
        break;
    }
    const struct seen *seen = client_seen(client, client->id);
    if (seen && seen->etag[0] && dice_one_in(&client->dice, 4)) {
        const struct truth_todo *todo = truth_todo_of(client->id);
        todo_version_print(client->version, client->id, (struct todo_version){.v = seen->v, .life = seen->life});
        sent->todo_version = slice_of(client->version);
        bool was_there = seen->deleted == TRUTH_NONE;
        client->shown = was_there ? truth_number(todo, true, seen->v, seen->life) : seen->deleted;
        client->shows_written = seen->is_written;
    }
    if (seen && seen->etag[0] && dice_one_in(&client->dice, 8)) {
        snprintf(client->etag, sizeof(client->etag), "%s", seen->etag);
        sent->if_none_match = slice_of(client->etag);
    }
}

/* ---- Queued writes ---- */

/* Without a condition, for the journal can't promise that one holds. */
static void draw_queued(struct client *client)
{
    struct request *sent = &client->sent;
    bool has_condition = sent->if_match.data || sent->if_none_match.data;
    if (client_plan.queue_in > 0 && !has_condition && dice_one_in(&client->queue_dice, client_plan.queue_in))
        sent->prefer =
            dice_one_in(&client->queue_dice, 4) ? SLICE("respond-async, return=minimal") : SLICE("respond-async");
}

/* It asks where its write stands, or reads the todo with its ticket. False: it has none, or another mind. */
static bool draw_ticket(struct client *client)
{
    struct request *sent = &client->sent;
    if (!client->ticket.text[0] || !dice_one_in(&client->queue_dice, 3))
        return false;
    sent->method_text = SLICE("GET");
    if (client->ticket.id[0] && dice_one_in(&client->queue_dice, 2)) {
        client->kind = KIND_GET;
        client->shows_ticket = true;
        snprintf(client->id, sizeof(client->id), "%s", client->ticket.id);
        snprintf(client->path, sizeof(client->path), "/todos/%s", client->id);
        snprintf(client->version, sizeof(client->version), "%s", client->ticket.text);
        sent->todo_version = slice_of(client->version);
    } else {
        client->kind = KIND_TICKET;
        snprintf(client->path, sizeof(client->path), "/queue/%s", client->ticket.text);
        snprintf(client->version, sizeof(client->version), "%s", client->ticket.text);
        if (dice_one_in(&client->queue_dice, 3))
            sent->prefer = SLICE("wait=1");
    }
    return true;
}

static void draw_list(struct client *client)
{
    static const char *const queries[] = {"", "", "", "", "limit=2", "order=asc&limit=1", "done=true"};
    const struct slice controls[] = {SLICE("no-cache"), SLICE("only-if-cached"), SLICE("max-age=1"),
                                     SLICE("min-fresh=2"), SLICE("no-cache, only-if-cached")};
    struct request *sent = &client->sent;
    client->kind = KIND_LIST;
    sent->method_text = SLICE("GET");
    snprintf(client->path, sizeof(client->path), "/todos");
    bool goes_on = client->next[0] && dice_one_in(&client->dice, 2);
    snprintf(client->query, sizeof(client->query), "%s",
             goes_on ? client->next : queries[dice_below(&client->dice, 7)]);
    if (dice_one_in(&client->dice, 8))
        sent->cache_control = controls[dice_below(&client->dice, 5)];
}

static void draw_condition(struct client *client)
{
    const struct seen *seen = client_seen(client, client->id);
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
    struct used_key *key = &client_keys[client->key];
    if (!key->name[0]) {
        client_name(key->name);
        key->is_open = true;
    }
    snprintf(client->key_text, sizeof(client->key_text), "\"key-%u\"", client->key);
    snprintf(client->body, sizeof(client->body), "{\"name\":\"%s\"}", key->name);
    sent->idempotency_key = slice_of(client->key_text);
    if (!is_stopped)
        draw_queued(client);
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
    draw_queued(client);
    if (client->kind == KIND_DELETE)
        return;
    client_name(client->name);
    sent->content_type = client->kind == KIND_PATCH ? SLICE("application/merge-patch+json") : SLICE("application/json");
    if (client->kind == KIND_POST) {
        snprintf(client->path, sizeof(client->path), "/todos");
        snprintf(client->body, sizeof(client->body), "{\"id\":\"%s\",\"name\":\"%s\"}", client->id, client->name);
    } else {
        snprintf(client->body, sizeof(client->body), "{\"name\":\"%s\"%s}", client->name,
                 dice_one_in(&client->dice, 4) ? ",\"done\":true" : "");
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
    const struct slice addresses[] = {SLICE("192.0.2.1"), SLICE("2001:db8::1"), SLICE("::ffff:192.0.2.1"),
                                      SLICE("unix:"),     SLICE("::1"),         SLICE("0:0:1::1")};
    client->sent = (struct request){.remote_address = addresses[client->number % 6],
                                    .traceparent = SLICE("00-5eed0123456789abcdef0123456789ab-0123456789abcdef-01")};
    client->shown = TRUTH_NONE;
    client->shows_ticket = false;
    client->query[0] = client->body[0] = '\0';
}

static void draw(struct client *client)
{
    draw_nothing(client);
    /* One of those that they share; or of all, and so of those that keys have made. */
    const char *id = client_id((unsigned)dice_below(&client->dice, client_plan.id_count));
    bool writes = !only_read && !client_plan.only_reads;
    bool is_any = truth.todo_count > 0 && dice_one_in(&client->dice, 6);
    if (is_any)
        id = truth.todos[dice_below(&client->dice, truth.todo_count)].id;
    snprintf(client->id, sizeof(client->id), "%s", id);
    snprintf(client->path, sizeof(client->path), "/todos/%s", client->id);
    if (draw_ticket(client))
        return;
    if (dice_one_in(&client->dice, 60))
        draw_other(client);
    else if (writes && dice_one_in(&client->dice, client_plan.write_in) &&
             dice_one_in(&client->dice, client_plan.key_in))
        ask_keyed(client, (unsigned)dice_below(&client->dice, KEYS_MAX));
    else if (writes && dice_one_in(&client->dice, client_plan.write_in))
        draw_write(client);
    else if (dice_one_in(&client->dice, client_plan.list_in))
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
    client->began = truth_now();
    client->sent_us = world.now_us;
    client->froze = worker->process->is_frozen;
    client->home = home_of(worker->services->cache, client->id);
    client->list_home = home_of_list(worker->services->cache);
    client_counts.asked++;
    world_note('q', client->number, client->request);
    world_tell("client %u asks worker %u: %.*s %s?%s %s%s%s%s", client->number, worker->process->number,
               (int)client->sent.method_text.len, client->sent.method_text.data, client->path, client->query,
               client->body, client->sent.if_match.data ? " If-Match: " : "",
               client->sent.if_match.data ? client->etag : "", client->sent.todo_version.data ? " Todo-Version" : "");
    if (client->sent.prefer.data)
        world_tell("    Prefer: %.*s", (int)client->sent.prefer.len, client->sent.prefer.data);
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
    int64_t most_us = dice_one_in(&client->dice, 10) ? client_plan.think_most_us * 10 : client_plan.think_most_us;
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
    client_plan = *of;
    client_judge_anew(false);
    name_count = 0;
    is_stopped = is_paused = only_read = false;
    memset(clients, 0, sizeof(clients));
    memset(client_keys, 0, sizeof(client_keys));
    for (unsigned i = 0; i < client_plan.client_count; i++) {
        clients[i].number = i;
        clients[i].dice = dice_of(client_plan.seed, 100 + i);
        clients[i].queue_dice = dice_of(client_plan.seed, 200 + i);
        if (!(client_plan.silent & 1u << i))
            client_think(&clients[i]);
    }
}

void clients_pause(bool paused)
{
    is_paused = paused;
}

void clients_went_back(void)
{
    client_judge_anew(true);
}

void clients_forget_keys(void)
{
    memset(client_keys, 0, sizeof(client_keys));
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

static bool has_waited(const struct client *client)
{
    bool writes = client->kind >= KIND_PUT && client->kind <= KIND_KEYED;
    return client->worker && writes && world.now_us - client->sent_us > WAIT_US;
}

bool clients_have_waited(void)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (has_waited(&clients[i]))
            return true;
    return false;
}

unsigned clients_open_keys(void)
{
    unsigned count = 0;
    for (unsigned i = 0; i < KEYS_MAX; i++)
        count += client_keys[i].is_open;
    return count;
}

void clients_retry_key(void)
{
    struct client *client = &clients[0];
    struct worker *worker = worker_draw(client);
    unsigned number = 0;
    while (number < KEYS_MAX && !client_keys[number].is_open)
        number++;
    if (!worker || number == KEYS_MAX)
        return;
    draw_nothing(client);
    ask_keyed(client, number);
    client_send(client, worker);
}

static bool has_made(const struct used_key *key, const struct truth_todo *todo)
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
        for (size_t j = 0; client_keys[i].name[0] && j < truth.todo_count; j++)
            made_count += has_made(&client_keys[i], &truth.todos[j]);
        if (made_count > 1)
            world_break("the key key-%u has made %u todos", i, made_count);
    }
}
