# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Most variables are read by their names, in nginx_fill.
# shellcheck disable=SC2034
#
# nginx' configuration, made from the templates in nginx/. doc/nginx.md has the defaults of these variables:
#
#   HOSTS              the hosts that are answered for, as in server_name; * is any. Others get a 421
#   CORS_ORIGINS       the origins whose pages may use the API from a browser, https://app.example.org; without it there are none
#   LISTEN             what the public server listens on; INTERNAL_LISTEN the internal one, for metrics and health
#   INTERNAL_HOSTS     the hosts that the internal server answers for
#   TLS_LISTEN         a public server with TLS and HTTP/2, with TLS_CERTIFICATE and TLS_KEY; LISTEN then sends everybody there.
#                      TLS_MAX_AGE_S: for how long browsers are to come back with TLS only
#   LIMIT_RATE         50r/s or 600r/m for each client address, LIMIT_BURST (100) more at once; without it there is no limit
#   LIMIT_CONNECTIONS  this many at once for each client address; without it there is no limit
#   BROTLI             on: nginx has loaded the module of libnginx-mod-http-brotli-static
#   SOCKET, STATIC, ACCESS_LOG   where things are
#
# USER_LINE and MODULES are for the frame that ./dev puts around it.

NGINX_BROTLI=/usr/lib/nginx/modules/ngx_http_brotli_static_module.so
NGINX_NAMES=(
    SOCKET LISTEN INTERNAL_LISTEN STATIC ACCESS_LOG USER_LINE MODULES SERVER_NAMES HOST_DEFAULT HOST_ROWS PLAIN
    INTERNAL_DEFAULT INTERNAL_ROWS CORS_ROWS CORS_MAP
    TLS TRANSPORT TLS_LISTEN TLS_PORT TLS_CERTIFICATE TLS_KEY TLS_MAX_AGE_S LIMIT_ZONES LIMITS
)

nginx_write() {
    local dir=$1
    local SOCKET=${SOCKET-/run/todo-fcgi/todo.sock} LISTEN=${LISTEN-80} INTERNAL_LISTEN=${INTERNAL_LISTEN-127.0.0.1:8081}
    local STATIC=${STATIC-/usr/share/todo-fcgi/static} ACCESS_LOG=${ACCESS_LOG-/var/log/nginx/todo.log}
    local USER_LINE=${USER_LINE-} MODULES=${MODULES-}
    local SERVER_NAMES HOST_DEFAULT HOST_ROWS INTERNAL_DEFAULT INTERNAL_ROWS CORS_ROWS= CORS_MAP= PLAIN=server TLS= TRANSPORT= TLS_PORT= TLS_MAX_AGE_S=${TLS_MAX_AGE_S-31536000}
    local TLS_LISTEN=${TLS_LISTEN-} TLS_CERTIFICATE=${TLS_CERTIFICATE-} TLS_KEY=${TLS_KEY-} LIMIT_ZONES= LIMITS=
    nginx_hosts
    nginx_cors
    nginx_limits
    nginx_tls
    mkdir -p "$dir"
    rm -f "$dir"/{tls,redirect,cors,cors_map,brotli}.conf
    nginx_fill "$dir"
    nginx_brotli "$dir"
}

nginx_hosts() {
    SERVER_NAMES=${HOSTS-localhost 127.0.0.1 [::1]}
    nginx_host_rows HOSTS "$SERVER_NAMES" HOST_DEFAULT HOST_ROWS
    [ "$SERVER_NAMES" != "*" ] || SERVER_NAMES=_
    nginx_host_rows INTERNAL_HOSTS "${INTERNAL_HOSTS-localhost 127.0.0.1 [::1]}" INTERNAL_DEFAULT INTERNAL_ROWS
}

# The rows of the map that says whether a host is refused, from a list of hosts.
nginx_host_rows() {
    local name=$1 host hosts
    declare -n refused=$3 rows=$4
    refused=1 rows=
    if [ "$2" = "*" ]; then
        refused=0
        return
    fi
    read -r -a hosts <<<"$2"
    for host in "${hosts[@]}"; do
        [[ $host =~ ^[][A-Za-z0-9.:*_-]+$ ]] || die "$name: $host is no host's name"
        case $host in
        *"*"* | .*) rows+="$host 0; " ;;
        *) rows+="$host \"\"; " ;;
        esac
    done
    rows=${rows% }
}

nginx_cors() {
    local origin origins
    read -r -a origins <<<"${CORS_ORIGINS-}"
    for origin in "${origins[@]}"; do
        [[ $origin =~ ^https?://[][A-Za-z0-9.:_-]+$ ]] || die "CORS_ORIGINS: $origin is no origin, such as https://app.example.org"
        CORS_ROWS+="\"$origin\" \$http_origin; " CORS_MAP="include todo/cors_map.conf;"
    done
    CORS_ROWS=${CORS_ROWS% }
}

nginx_limits() {
    if [ -n "${LIMIT_RATE-}" ]; then
        LIMIT_ZONES="limit_req_zone \$todo_client zone=todo_clients:10m rate=$LIMIT_RATE; "
        LIMITS="limit_req zone=todo_clients burst=${LIMIT_BURST-100} nodelay; "
    fi
    if [ -n "${LIMIT_CONNECTIONS-}" ]; then
        LIMIT_ZONES+="limit_conn_zone \$todo_client zone=todo_connections:10m;"
        LIMITS+="limit_conn todo_connections $LIMIT_CONNECTIONS;"
    fi
}

nginx_tls() {
    [ -n "$TLS_LISTEN" ] || return 0
    [ -n "$TLS_CERTIFICATE" ] && [ -n "$TLS_KEY" ] || die "TLS_LISTEN needs TLS_CERTIFICATE and TLS_KEY"
    PLAIN=redirect TLS="include todo/tls.conf;"
    TRANSPORT="add_header Strict-Transport-Security \$todo_transport always;"
    [ "${TLS_LISTEN##*:}" = 443 ] || TLS_PORT=:${TLS_LISTEN##*:}
}

# Fills the templates in; what is not wanted is not written.
nginx_fill() {
    local dir=$1 file name script=
    for name in "${NGINX_NAMES[@]}"; do
        script+="s|@$name@|${!name//[&|\\]/\\&}|g;"
    done
    for file in "$ROOT"/nginx/{fastcgi_params,*.conf,*.in}; do
        name=${file##*/} name=${name%.in}
        case $name in
        tls.conf | redirect.conf) [ -n "$TLS" ] || continue ;;
        cors*) [ -n "$CORS_MAP" ] || continue ;;
        esac
        sed -e "$script" "$file" >"$dir/$name"
    done
}

# page.conf includes this file if it is there.
nginx_brotli() {
    case ${BROTLI-off} in
    off) return ;;
    on) ;;
    *) die "BROTLI is on or off" ;;
    esac
    printf '# Needs the module of libnginx-mod-http-brotli-static; without it, remove this file.\nbrotli_static on;\n' >"$1/brotli.conf"
}
