/*
 * samples: one plain message of each kind, for the unit tests and the first corpus of the fuzzers.
 * Byte fields point into constants, so that a sample outlives the function that made it.
 */
#ifndef PENSTOCK_TEST_SAMPLES_H
#define PENSTOCK_TEST_SAMPLES_H

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/wire/notice.h"
#include "dataplane/wire/control.h"
#include "dataplane/wire/crl.h"
#include "dataplane/wire/handoff.h"
#include "dataplane/wire/keywire.h"
#include "dataplane/wire/vault.h"
#include "dataplane/wire/query.h"

#define SAMPLE_SESSION 0x0102030405060708u

static inline struct addr sample_addr(const char *text)
{
    struct addr a;

    if (addr_parse(&a, text))
        abort();
    return a;
}

static inline struct handoff_id sample_id(enum leg_side side)
{
    return (struct handoff_id){.session = SAMPLE_SESSION, .leg = (uint8_t)side};
}

static inline struct handoff_open sample_open(void)
{
    return (struct handoff_open){.id = sample_id(LEG_OUTER),
                                 .revision = 42,
                                 .listener = 1,
                                 .link = HANDOFF_LINK_ANY,
                                 .records = (const uint8_t *)"\x16\x03\x01\x00\x00",
                                 .n_records = 5};
}

static inline struct handoff_open sample_open_inner(void)
{
    return (struct handoff_open){
        .id = sample_id(LEG_INNER), .revision = 42, .link = 3, .alpn = "h2"};
}

/* Keys of any suite: secret, key and IV bytes are `fill`. */
static inline struct traffic_keys sample_keys(uint16_t suite, uint8_t fill)
{
    struct traffic_keys k = {.suite = suite_by_id(suite), .seq = 1};

    memset(k.secret, fill, sizeof k.secret);
    memset(k.key, fill, sizeof k.key);
    memset(k.iv, fill, sizeof k.iv);
    return k;
}

static inline struct negotiated sample_negotiated(void)
{
    return (struct negotiated){.version = TLS13,
                               .suite = 0x1301,
                               .group = "X25519",
                               .sig_scheme = "ed25519",
                               .server_name = "gw.test"};
}

static inline struct peer_facts sample_facts(void)
{
    struct peer_facts f = {.name = "a.b",
                           .serial = "0f",
                           .key_alg = "EC256",
                           .not_after = 0x65000000,
                           .until = 0x64000000,
                           .rule = 3};

    memset(f.chain_sha256, 0xaa, sizeof f.chain_sha256);
    memset(f.cert_sha256, 0xbb, sizeof f.cert_sha256);
    memset(f.spki_sha256, 0xcc, sizeof f.spki_sha256);
    return f;
}

static inline struct handoff_keyed sample_keyed(void)
{
    return (struct handoff_keyed){.id = sample_id(LEG_OUTER),
                                  .consumed = 74,
                                  .rx = sample_keys(0x1301, 0x11),
                                  .tx = sample_keys(0x1301, 0x22),
                                  .negotiated = sample_negotiated(),
                                  .facts = sample_facts(),
                                  .chain = (const uint8_t *)"\x00\x00\x00\x02\x30\x00",
                                  .n_chain = 6};
}

static inline struct handoff_failed sample_failed(void)
{
    return (struct handoff_failed){.id = sample_id(LEG_OUTER),
                                   .send = (const uint8_t *)"\x15\x03\x03\x00\x02\x02\x30",
                                   .n_send = 7,
                                   .link = HANDOFF_LINK_ANY,
                                   .reason = REASON_UNKNOWN_CA,
                                   .text = "no",
                                   .peer = "x",
                                   .n_reasons = 1,
                                   .reasons = {{REASON_UNKNOWN_CA, "ca"}},
                                   .chain = (const uint8_t *)"\x00\x00\x00\x02\x30\x00",
                                   .n_chain = 6};
}

static inline struct notice sample_refused_notice(void)
{
    return (struct notice){.kind = NOTICE_REFUSED,
                           .at_ms = 1000,
                           .session = 7,
                           .revision = 42,
                           .link = "in",
                           .reason = REASON_UNKNOWN_CA,
                           .text = "no",
                           .peer = "x",
                           .source = sample_addr("127.0.0.1:1"),
                           .n_reasons = 1,
                           .reasons = {{REASON_UNKNOWN_CA, "ca"}},
                           .chain = (const uint8_t *)"\x00\x00\x00\x02\x30\x00",
                           .n_chain = 6};
}

static inline struct notice sample_ended_notice(void)
{
    return (struct notice){.kind = NOTICE_ENDED,
                           .at_ms = 1000,
                           .session = 7,
                           .revision = 42,
                           .link = "in",
                           .side = LEG_INNER,
                           .reason = REASON_REVOKED,
                           .peer = "x",
                           .source = sample_addr("127.0.0.1:1"),
                           .target = sample_addr("127.0.0.1:2"),
                           .up_bytes = 1,
                           .down_bytes = 2,
                           .age_ms = 3};
}

static inline struct handoff_judge sample_judge(void)
{
    return (struct handoff_judge){.token = 9,
                                  .revision = 42,
                                  .link = 3,
                                  .side = LEG_INNER,
                                  .chain = (const uint8_t *)"\x00\x00\x00\x02\x30\x00",
                                  .n_chain = 6};
}

static inline struct handoff_judged sample_judged(bool allow)
{
    return (struct handoff_judged){.token = 9,
                                   .revision = 42,
                                   .allow = allow,
                                   .reason = allow ? REASON_NONE : REASON_REVOKED,
                                   .until = 0x64000000,
                                   .rule = 1};
}

static inline struct keywire_sign sample_sign(void)
{
    return (struct keywire_sign){.request = 7,
                                 .revision = 42,
                                 .identity = 1,
                                 .scheme = 0x0403,
                                 .content = (const uint8_t *)"\x20\x20\x00",
                                 .n_content = 3};
}

static inline struct keywire_signed sample_signed(void)
{
    return (struct keywire_signed){
        .request = 7, .signature = (const uint8_t *)"\x30\x00", .n_signature = 2};
}

#define SAMPLE_BYTES(s) ((struct vault_bytes){(const uint8_t *)(s), sizeof(s) - 1})

static inline struct vault_make sample_make(void)
{
    return (struct vault_make){.request = 7, .kind = VAULT_ED25519};
}

static inline struct vault_import sample_import(void)
{
    return (struct vault_import){.request = 7, .passphrase = SAMPLE_BYTES("horse")};
}

static inline struct vault_wrap sample_wrap(void)
{
    return (struct vault_wrap){.request = 7, .token = 9};
}

static inline struct vault_names sample_names(void)
{
    return (struct vault_names){
        .n_subject = 2,
        .n_sans = 1,
        .subject = {{VAULT_C, SAMPLE_BYTES("DE")}, {VAULT_CN, SAMPLE_BYTES("gw")}},
        .sans = {{VAULT_DNS, SAMPLE_BYTES("gw.test")}}};
}

static inline struct vault_csr sample_csr(void)
{
    return (struct vault_csr){.request = 7, .key = SAMPLE_BYTES("PSKEY"), .names = sample_names()};
}

static inline struct vault_issue sample_issue(void)
{
    return (struct vault_issue){.request = 7,
                                .ca_key = SAMPLE_BYTES("PSKEY"),
                                .ca_certificate = SAMPLE_BYTES("\x30\x01"),
                                .form = VAULT_FORM_CSR,
                                .subject_key = SAMPLE_BYTES("\x30\x02"),
                                .names = sample_names(),
                                .role = VAULT_CLIENT,
                                .not_before = 0x64000000,
                                .not_after = 0x65000000,
                                .serial = SAMPLE_BYTES("\x01\x02")};
}

static inline struct vault_prove sample_prove(void)
{
    return (struct vault_prove){
        .request = 7, .key = SAMPLE_BYTES("PSKEY"), .certificate = SAMPLE_BYTES("\x30\x01")};
}

static inline struct vault_backup sample_backup(void)
{
    return (struct vault_backup){
        .request = 7,
        .head = {BACKUP_VERSION, BACKUP_LOG2_N, BACKUP_R, BACKUP_P, {1, 2}},
        .passphrase = SAMPLE_BYTES("horse")};
}

static inline struct vault_rewrap sample_rewrap(void)
{
    return (struct vault_rewrap){
        .request = 7, .restore = 1, .sealed = SAMPLE_BYTES("PSKEK"), .key = SAMPLE_BYTES("PSKEY")};
}

static inline struct vault_answer sample_backup_keys(void)
{
    return (struct vault_answer){.request = 7,
                                 .stream = SAMPLE_BYTES("0123456789abcdef0123456789abcdef"),
                                 .sealed = SAMPLE_BYTES("PSKEK")};
}

static inline struct vault_answer sample_answer(void)
{
    return (struct vault_answer){.request = 7,
                                 .key = SAMPLE_BYTES("PSKEY"),
                                 .spki = SAMPLE_BYTES("\x30\x03"),
                                 .n_ders = 2,
                                 .ders = {SAMPLE_BYTES("\x30\x01"), SAMPLE_BYTES("\x30\x02")}};
}

static inline struct vault_answer sample_vault_error(void)
{
    return (struct vault_answer){.request = 7, .error = 13, .why.what = "wrong"};
}

static inline struct control_refused sample_refused(void)
{
    return (struct control_refused){.revision = 42,
                                    .err = {.where = "/a", .what = "bad", .fix = "good"}};
}

static inline struct query_session sample_session(void)
{
    struct query_session s = {
        .id = SAMPLE_SESSION,
        .link = "pay",
        .state = "pumping",
        .age_ms = 1000,
        .idle_ms = 10,
        .up_bytes = 5,
        .down_bytes = 6,
        .outer = {.addr = sample_addr("192.0.2.1:50000"),
                  .engine_rx = LEG_KTLS,
                  .engine_tx = LEG_SOFT,
                  .why = "old",
                  .version = TLS13,
                  .suite = 0x1302,
                  .group = "X25519",
                  .peer = "a.b",
                  .keyupdates_rx = 1},
        .inner = {.addr = sample_addr("unix:/run/app")},
    };

    memset(s.outer.chain_sha256, 0xaa, sizeof s.outer.chain_sha256);
    return s;
}

/* The last byte of a row is the serial's last. */
static inline struct crl_source sample_crl(void)
{
    static const uint8_t rows[3 * CRL_SERIAL_ROW] = {
        [0] = 1, [20] = 0x05, [21] = 1, [41] = 0x80, [42] = 2, [61] = 1, [62] = 0};

    return (struct crl_source){.this_update = 0x60000000,
                               .next_update = 0x61000000,
                               .issuer = (const uint8_t *)"\x30\x00",
                               .key_id = (const uint8_t *)"\x07",
                               .number = (const uint8_t *)"\x01\x02",
                               .der = (const uint8_t *)"\x30\x03\x30\x01\x00",
                               .rows = rows,
                               .n_issuer = 2,
                               .n_key_id = 1,
                               .n_number = 2,
                               .n_der = 5,
                               .tbs_offset = 2,
                               .n_tbs = 3,
                               .count = 3};
}

#endif
