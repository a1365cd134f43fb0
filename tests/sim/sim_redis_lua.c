/* SPDX-License-Identifier: MIT */
/*
 * One Lua 5.1 for the whole process; a run leaves nothing behind in it.
 *
 * What a script sees is what Redis 7.0 shows it, as far as ours look: KEYS and ARGV, redis.call and redis.pcall, the
 * libraries for strings, tables and numbers. Other globals may be neither made nor read. There is nothing in it that
 * would differ between two runs: no clock, no random numbers.
 *
 * Replies become Lua values and back by Redis' rules: nil is false and false is nil; true is 1; numbers lose what comes
 * behind the point; an array ends at its first nil; {ok = ...} is a status and {err = ...} an error. redis.call() raises
 * an error as such a table, to which Redis adds the script and the line when nobody has caught it.
 */
#include "sim_redis_lua.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"
#include "cache/scripts_embedded.h"
#include "clients/limit_embedded.h"
#include "peers/peers_embedded.h"
#include "queue/queue_embedded.h"
#include "sim_redis_resp.h"

struct sim_script {
    UT_hash_handle hh;
    char sha[SIM_SHA_LEN + 1];
    struct slice name;
    int function; /* its place in Lua's registry */
};

static lua_State *lua;
static struct sim_script *scripts;
static const struct sim_script_run *running;
static struct buf call_reply; /* of redis.call() */
static struct slice *call_args;
static int call_args_capacity;

/* ---- From a reply to a Lua value ---- */

static void push_table(const char *field, const char *text, size_t len)
{
    lua_createtable(lua, 0, 1);
    lua_pushlstring(lua, text, len);
    lua_setfield(lua, -2, field);
}

/* Takes one reply off the front of *at. */
static void push_reply(const char **at)
{
    const char *line = *at + 1, *end = strchr(line, '\r');
    long long number = **at == '+' || **at == '-' ? 0 : atoll(line);
    char type = **at;
    *at = end + 2;
    switch (type) {
    case '+':
    case '-':
        push_table(type == '+' ? "ok" : "err", line, (size_t)(end - line));
        return;
    case ':':
        lua_pushnumber(lua, (lua_Number)number);
        return;
    case '$':
        if (number >= 0) {
            lua_pushlstring(lua, *at, (size_t)number);
            *at += number + 2;
            return;
        }
        lua_pushboolean(lua, false);
        return;
    default:
        lua_createtable(lua, (int)number, 0);
        for (int i = 1; i <= number; i++) {
            push_reply(at);
            lua_rawseti(lua, -2, i);
        }
    }
}

/* ---- From a Lua value to a reply ---- */

static void reply_value(struct buf *reply);

/* Whether the table on top has a text under field, which is then the reply. */
static bool reply_field(struct buf *reply, const char *field, char type)
{
    lua_pushstring(lua, field);
    lua_rawget(lua, -2);
    bool is_text = lua_type(lua, -1) == LUA_TSTRING;
    if (is_text)
        resp_line(reply, type, lua_tostring(lua, -1));
    lua_pop(lua, 1);
    return is_text;
}

static void reply_table(struct buf *reply)
{
    if (reply_field(reply, "err", '-') || reply_field(reply, "ok", '+'))
        return;
    int count = 0;
    for (bool is_nil = false; !is_nil; count += !is_nil) {
        lua_rawgeti(lua, -1, count + 1);
        is_nil = lua_isnil(lua, -1);
        lua_pop(lua, 1);
    }
    resp_array(reply, (size_t)count);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(lua, -1, i);
        reply_value(reply);
    }
}

/* Of the value on top, which goes. */
static void reply_value(struct buf *reply)
{
    size_t len;
    switch (lua_type(lua, -1)) {
    case LUA_TSTRING: {
        const char *text = lua_tolstring(lua, -1, &len);
        resp_text(reply, (struct slice){text, len});
        break;
    }
    case LUA_TNUMBER:
        resp_integer(reply, (int64_t)lua_tonumber(lua, -1));
        break;
    case LUA_TTABLE:
        reply_table(reply);
        break;
    case LUA_TBOOLEAN:
        if (lua_toboolean(lua, -1)) {
            resp_integer(reply, 1);
            break;
        }
        /* fall through */
    default:
        resp_nil(reply);
    }
    lua_pop(lua, 1);
}

/* ---- redis.call, redis.pcall ---- */

/* The arguments on the stack as texts, which live as long as they are there; false if one is neither text nor number. */
static bool take_args(int count)
{
    if (count > call_args_capacity) {
        call_args_capacity = 2 * count;
        call_args = mem_resize(call_args, (size_t)call_args_capacity * sizeof(*call_args));
    }
    for (int i = 0; i < count; i++) {
        if (lua_type(lua, i + 1) == LUA_TNUMBER) { /* Lua itself would print 14 digits only */
            char digits[40];
            int len = snprintf(digits, sizeof(digits), "%.17g", lua_tonumber(lua, i + 1));
            lua_pushlstring(lua, digits, (size_t)len);
            lua_replace(lua, i + 1);
        }
        call_args[i].data = lua_tolstring(lua, i + 1, &call_args[i].len);
        if (!call_args[i].data)
            return false;
    }
    return true;
}

static int call(bool raises)
{
    int count = lua_gettop(lua);
    buf_reset(&call_reply);
    if (count == 0)
        resp_error(&call_reply, "ERR Please specify at least one argument for this redis.call() call");
    else if (!take_args(count))
        resp_error(&call_reply, "ERR Lua redis lib command arguments must be strings or integers");
    else
        running->call(running->ctx, call_args, (size_t)count, &call_reply);
    const char *at = call_reply.data;
    push_reply(&at);
    return raises && call_reply.data[0] == '-' ? lua_error(lua) : 1;
}

static int redis_call(lua_State *state)
{
    (void)state;
    return call(true);
}

static int redis_pcall(lua_State *state)
{
    (void)state;
    return call(false);
}

/* ---- The interpreter ---- */

/* An error that nobody has caught becomes a table, and gets its place: of the script's function, not of one in C. */
static int on_error(lua_State *state)
{
    lua_Debug place;
    if (!lua_istable(state, 1)) {
        const char *text = lua_tostring(state, 1);
        lua_pushfstring(state, "ERR %s", text ? text : "(no text)");
        lua_createtable(state, 0, 1);
        lua_insert(state, -2);
        lua_setfield(state, -2, "err");
    }
    for (int level = 1; level <= 2 && lua_getstack(state, level, &place); level++) {
        lua_getinfo(state, "Sl", &place);
        if (place.currentline < 0)
            continue;
        lua_pushinteger(state, place.currentline);
        lua_setfield(state, -2, "line");
        return 1;
    }
    return 1;
}

static int on_global_read(lua_State *state)
{
    return luaL_error(state, "Script attempted to access nonexistent global variable '%s'", lua_tostring(state, 2));
}

static int on_global_write(lua_State *state)
{
    return luaL_error(state, "Attempt to modify a readonly table");
}

static void libraries_open(void)
{
    static const lua_CFunction libraries[] = {luaopen_base, luaopen_table, luaopen_string, luaopen_math};
    static const char *const missing[] = {"dofile", "loadfile", "print", "newproxy", "module", "require"};
    for (size_t i = 0; i < sizeof(libraries) / sizeof(*libraries); i++) {
        lua_pushcfunction(lua, libraries[i]);
        lua_call(lua, 0, 0);
    }
    for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++) {
        lua_pushnil(lua);
        lua_setglobal(lua, missing[i]);
    }
    lua_getglobal(lua, "math");
    lua_pushnil(lua);
    lua_setfield(lua, -2, "random"); /* Redis has its own, that begins anew in each run */
    lua_pop(lua, 1);
}

static void lua_begin(void)
{
    lua = luaL_newstate();
    bug_unless(lua, "Lua can't begin");
    libraries_open();
    lua_createtable(lua, 0, 2);
    lua_pushcfunction(lua, redis_call);
    lua_setfield(lua, -2, "call");
    lua_pushcfunction(lua, redis_pcall);
    lua_setfield(lua, -2, "pcall");
    lua_setglobal(lua, "redis");
    lua_createtable(lua, 0, 2);
    lua_pushcfunction(lua, on_global_read);
    lua_setfield(lua, -2, "__index");
    lua_pushcfunction(lua, on_global_write);
    lua_setfield(lua, -2, "__newindex");
    lua_setmetatable(lua, LUA_GLOBALSINDEX);
}

/* ---- Scripts ---- */

static struct slice name_of(const char *sha)
{
#define SCRIPT_NAME(upper, hex, text) {hex, SLICE(#upper)},
    static const struct {
        const char *sha;
        struct slice name;
    } rows[] = {SCRIPTS(SCRIPT_NAME) LIMIT_SCRIPTS(SCRIPT_NAME) PEERS_SCRIPTS(SCRIPT_NAME) QUEUE_SCRIPTS(SCRIPT_NAME)};
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
        if (strcmp(rows[i].sha, sha) == 0)
            return rows[i].name;
    return (struct slice){0};
}

static void sha_of(struct slice text, char sha[SIM_SHA_LEN + 1])
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    bool is_made = EVP_Digest(text.data, text.len, bytes, NULL, EVP_sha1(), NULL) == 1;
    bug_unless(is_made, "there is no SHA-1");
    for (int i = 0; i < SIM_SHA_LEN / 2; i++)
        snprintf(sha + 2 * (size_t)i, 3, "%02x", bytes[i]);
}

const struct sim_script *sim_script_compile(struct slice text, struct buf *reply)
{
    char sha[SIM_SHA_LEN + 1];
    struct sim_script *script;
    sha_of(text, sha);
    HASH_FIND_STR(scripts, sha, script);
    if (script)
        return script;
    if (!lua)
        lua_begin();
    if (luaL_loadbuffer(lua, text.data, text.len, "@user_script") != 0) {
        resp_error(reply, "ERR Error compiling script (new function): %s", lua_tostring(lua, -1));
        lua_pop(lua, 1);
        return NULL;
    }
    script = mem_zalloc(sizeof(*script));
    memcpy(script->sha, sha, sizeof(sha));
    script->name = name_of(sha);
    script->function = luaL_ref(lua, LUA_REGISTRYINDEX);
    HASH_ADD_STR(scripts, sha, script);
    return script;
}

struct slice sim_script_sha(const struct sim_script *script)
{
    return (struct slice){script->sha, SIM_SHA_LEN};
}

struct slice sim_script_name(const struct sim_script *script)
{
    return script->name;
}

static void global_set(const char *name, const struct slice *items, size_t count)
{
    lua_pushstring(lua, name);
    lua_createtable(lua, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        lua_pushlstring(lua, items[i].data, items[i].len);
        lua_rawseti(lua, -2, (int)i + 1);
    }
    lua_rawset(lua, LUA_GLOBALSINDEX);
}

static void reply_error(const struct sim_script *script, struct buf *reply)
{
    bug_unless(lua_istable(lua, -1), "Lua is out of memory");
    lua_getfield(lua, -1, "err");
    lua_getfield(lua, -2, "line");
    resp_error(reply, "%s script: %s, on @user_script:%d.", lua_tostring(lua, -2), script->sha,
               (int)lua_tointeger(lua, -1));
}

void sim_script_run(const struct sim_script *script, const struct sim_script_run *run, struct buf *reply)
{
    running = run;
    global_set("KEYS", run->keys, run->key_count);
    global_set("ARGV", run->args, run->arg_count);
    lua_pushcfunction(lua, on_error);
    lua_rawgeti(lua, LUA_REGISTRYINDEX, script->function);
    if (lua_pcall(lua, 0, 1, 1) == 0)
        reply_value(reply);
    else
        reply_error(script, reply);
    lua_settop(lua, 0);
    running = NULL;
}
