#include "mgmt/ctl/http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_MAX (256u * 1024 * 1024)

struct body {
    char *data;
    size_t n;
};

static size_t collect(char *data, size_t size, size_t n, void *arg)
{
    struct body *b = arg;
    size_t add = size * n;
    char *more = b->n + add <= BODY_MAX ? realloc(b->data, b->n + add + 1) : NULL;

    if (!more)
        return 0;
    memcpy(more + b->n, data, add);
    b->data = more;
    b->n += add;
    b->data[b->n] = '\0';
    return add;
}

int http_request(const char *socket, const char *method, const char *path, json_t **out,
                 long *status, char why[256])
{
    CURL *c = curl_easy_init();
    struct body b = {0};
    char url[512];
    CURLcode rc;

    *out = NULL;
    snprintf(why, 256, "out of memory");
    if (!c)
        return -1;
    snprintf(url, sizeof url, "http://penstock%s", path);
    curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, socket);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, collect);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, &b);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, 30L);
    rc = curl_easy_perform(c);
    if (rc == CURLE_OK) {
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, status);
        *out = json_loadb(b.data ? b.data : "", b.n, 0, NULL);
        snprintf(why, 256, "%s: the answer is no JSON", socket);
    } else {
        snprintf(why, 256, "%s: %s", socket, curl_easy_strerror(rc));
    }
    curl_easy_cleanup(c);
    free(b.data);
    return rc == CURLE_OK && *out ? 0 : -1;
}
