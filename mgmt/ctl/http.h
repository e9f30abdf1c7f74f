/*
 * http: requests to a gateway: over its local socket, or over its management link.
 * Owner: pure over its arguments; an answer is the caller's, http_free() it. Never: talks to a
 * gateway whose certificate the given CA did not sign.
 */
#ifndef PENSTOCK_MGMT_CTL_HTTP_H
#define PENSTOCK_MGMT_CTL_HTTP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Where the gateway is: a socket, or a URL with what TLS needs. */
struct http_gateway {
    const char *socket;
    const char *url;                /* "https://gw.example:9443"; NULL: the socket */
    const char *ca, *cert, *key;    /* PEM files, with url */
    const char *cert_pem, *key_pem; /* or the last two as text */
    const unsigned char *pin; /* in place of ca: how SHA-256 of its SubjectPublicKeyInfo begins */
    unsigned long n_pin;
};

struct http_ask {
    const char *method, *path;
    const json_t *body; /* may be NULL */
    const void *raw;    /* in place of body: bytes as they are */
    size_t n_raw;
    const char *type;                                  /* of raw; NULL: not said */
    const char *if_match, *none_match;                 /* may be NULL */
    void (*stream)(const char *data, unsigned long n); /* takes the body as it comes; may be NULL */
    FILE *file;             /* the body of a 200 goes there; may be NULL */
    long wait_s;            /* for the whole; 0: as long as is usual */
    const char *passphrase; /* of a key in raw, base64; may be NULL */
};

struct http_answer {
    long status;
    json_t *json; /* NULL: no body, or text */
    char *text;   /* the body as it came; NULL: none */
    char tag[64];
    bool again;    /* the gateway says that the same request may do better in a moment */
    char why[256]; /* of a gateway that can not be reached */
};

/* 0 with *out, or -1 when the gateway can not be reached (out->why says how). */
int http_request(const struct http_gateway *g, const struct http_ask *ask, struct http_answer *out);
void http_free(struct http_answer *a);

#endif
