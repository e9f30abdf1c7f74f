#include "dataplane/wire/reason.h"

#include <stddef.h>

static const struct {
    const char *name, *text;
} reasons[REASON_COUNT] = {
    [REASON_NONE] = {"none", "no reason"},
    [REASON_CLOSED] = {"closed", "both sides ended cleanly"},
    [REASON_TRUNCATED] = {"truncated", "a TLS side ended without close_notify"},
    [REASON_RESET] = {"reset", "a side reset its connection"},
    [REASON_PEER_ALERT] = {"peer_alert", "the peer sent a fatal alert"},
    [REASON_IDLE] = {"idle", "no data for idle_s"},
    [REASON_LIFE] = {"life", "life_s is over"},
    [REASON_ENDED] = {"ended", "ended by an operator"},
    [REASON_DRAINED] = {"drained", "the gateway shut down"},
    [REASON_BOX_LIMIT] = {"box_limit", "the gateway is full"},
    [REASON_LINK_SESSIONS] = {"link_sessions", "the link has limits.sessions already"},
    [REASON_LINK_RATE] = {"link_rate", "more handshakes than limits.handshakes_per_second"},
    [REASON_SOURCE_RATE] = {"source_rate", "more handshakes than limits.handshakes_per_source"},
    [REASON_SOURCE_DENIED] = {"source_denied", "the address is not in sources"},
    [REASON_PEER_SESSIONS] = {"peer_sessions", "the peer has limits.sessions_per_peer already"},
    [REASON_BAD_PROXY_HEADER] = {"bad_proxy_header", "no usable PROXY header came first"},
    [REASON_HANDSHAKE_TIMEOUT] = {"handshake_timeout",
                                  "the handshake took longer than limits.handshake_s"},
    [REASON_NOT_TLS] = {"not_tls", "the first bytes are no TLS record"},
    [REASON_BAD_RECORD] = {"bad_record", "a malformed record during the handshake"},
    [REASON_HANDSHAKE_CLOSED] = {"handshake_closed", "the connection ended during the handshake"},
    [REASON_TLS_PROTOCOL] = {"tls_protocol", "the handshake broke the protocol"},
    [REASON_TLS_VERSION] = {"tls_version", "no TLS version in common"},
    [REASON_TLS_SUITE] = {"tls_suite", "no suite, group or signature algorithm in common"},
    [REASON_SERVER_NAME] = {"server_name", "the server name belongs to no link here"},
    [REASON_SERVER_NAME_CHANGED] = {"server_name_changed",
                                    "the second ClientHello named another server"},
    [REASON_ALPN] = {"alpn", "no application protocol in common"},
    [REASON_EMS] = {"ems", "TLS 1.2 without extended master secret"},
    [REASON_HANDSHAKE_LOST] = {"handshake_lost", "the handshake process went away"},
    [REASON_KEY_LOST] = {"key_lost", "the keyring did not sign"},
    [REASON_NO_CERTIFICATE] = {"no_certificate", "the peer sent no certificate"},
    [REASON_CHAIN_LIMIT] = {"chain_limit", "the certificate chain is over a limit"},
    [REASON_UNKNOWN_CA] = {"unknown_ca", "the chain leads to no anchor of this trust"},
    [REASON_SIGNATURE] = {"signature", "a signature in the chain is wrong"},
    [REASON_CHAIN] = {"chain", "the chain is not a valid path"},
    [REASON_KEY_TYPE] = {"key_type", "a key or signature algorithm that is not allowed"},
    [REASON_EXPIRED] = {"expired", "a certificate has expired"},
    [REASON_NOT_YET_VALID] = {"not_yet_valid", "a certificate is not yet valid"},
    [REASON_LEAF_IS_CA] = {"leaf_is_ca", "a CA certificate was presented as the peer's own"},
    [REASON_EKU] = {"eku", "the certificate is not for this use"},
    [REASON_NAME_INVALID] = {"name_invalid", "a malformed or forbidden name or serial"},
    [REASON_NAME_MISMATCH] = {"name_mismatch", "the certificate does not name the server"},
    [REASON_REVOKED] = {"revoked", "a certificate is revoked"},
    [REASON_CRL_MISSING] = {"crl_missing", "no CRL of an issuer in the path"},
    [REASON_CRL_STALE] = {"crl_stale", "a CRL is past its next update"},
    [REASON_CRL_INVALID] = {"crl_invalid", "a CRL can not be used"},
    [REASON_NO_RULE] = {"no_rule", "no peer rule allows this certificate"},
    [REASON_CERTIFICATE_VERIFY] = {"certificate_verify",
                                   "the peer did not prove possession of its key"},
    [REASON_NO_TARGET] = {"no_target", "no target answered"},
    [REASON_DIAL_TIMEOUT] = {"dial_timeout", "the target did not answer in time"},
    [REASON_REFUSED_BY_SERVER] = {"refused_by_server", "the server refused our certificate"},
    [REASON_DECRYPT] = {"decrypt", "a record failed authentication"},
    [REASON_RECORD_TYPE] = {"record_type", "a record or message that is not legal here"},
    [REASON_RECORD_SIZE] = {"record_size", "a record of a forbidden size"},
    [REASON_KEYUPDATE_RATE] = {"keyupdate_rate", "more KeyUpdates than allowed"},
    [REASON_REKEY_UNSUPPORTED] = {"rekey_unsupported", "this kernel can not take new keys"},
    [REASON_ENGINE] = {"engine", "the record engine failed"},
    [REASON_LINK_REMOVED] = {"link_removed", "the link is gone from the configuration"},
    [REASON_PEER_DENIED] = {"peer_denied", "the configuration no longer allows the peer"},
    [REASON_CERTIFICATE_EXPIRED] = {"certificate_expired", "the peer's certificate or CRL ran out"},
    [REASON_INTERNAL] = {"internal", "an internal error"},
};

const char *reason_name(enum reason r)
{
    return (unsigned)r < REASON_COUNT && reasons[r].name ? reasons[r].name : "unknown";
}

const char *reason_text(enum reason r)
{
    return (unsigned)r < REASON_COUNT && reasons[r].text ? reasons[r].text : "an unknown reason";
}
