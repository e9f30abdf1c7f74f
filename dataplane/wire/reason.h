/*
 * reason: why a handshake was refused or a session ended. One table with a stable name (for logs,
 * metrics and the API) and a sentence for people.
 *
 * Why: the same words wherever an operator meets them; a counter per row.
 */
#ifndef PENSTOCK_WIRE_REASON_H
#define PENSTOCK_WIRE_REASON_H

#include <stdint.h>

enum reason {
    REASON_NONE,
    /* ordinary ends */
    REASON_CLOSED,     /* both directions ended cleanly */
    REASON_TRUNCATED,  /* FIN on a TLS leg without close_notify */
    REASON_RESET,      /* a leg was reset by its peer */
    REASON_PEER_ALERT, /* the peer sent a fatal alert */
    REASON_IDLE,       /* idle_s */
    REASON_LIFE,       /* life_s */
    REASON_ENDED,      /* by an operator */
    REASON_DRAINED,    /* drain_s ran out at shutdown */
    /* admission */
    REASON_BOX_LIMIT,
    REASON_LINK_SESSIONS,    /* limits.sessions */
    REASON_LINK_RATE,        /* limits.handshakes_per_second */
    REASON_SOURCE_RATE,      /* limits.handshakes_per_source */
    REASON_SOURCE_DENIED,    /* not in sources */
    REASON_PEER_SESSIONS,    /* limits.sessions_per_peer */
    REASON_BAD_PROXY_HEADER, /* accept_proxy */
    /* handshake */
    REASON_HANDSHAKE_TIMEOUT,
    REASON_NOT_TLS,             /* the first bytes are no TLS record */
    REASON_BAD_RECORD,          /* malformed or oversized record before KEYED */
    REASON_HANDSHAKE_CLOSED,    /* the peer closed in mid-handshake */
    REASON_TLS_PROTOCOL,        /* OpenSSL refused: text says what */
    REASON_TLS_VERSION,         /* no common version */
    REASON_TLS_SUITE,           /* no common suite, group or signature algorithm */
    REASON_SERVER_NAME,         /* SNI names no link here, or is absent where one is needed */
    REASON_SERVER_NAME_CHANGED, /* second ClientHello with another SNI */
    REASON_ALPN,
    REASON_EMS,            /* TLS 1.2 without extended master secret */
    REASON_HANDSHAKE_LOST, /* the handshake process died or answered too late */
    REASON_KEY_LOST,       /* the keyring did not sign */
    /* trust */
    REASON_NO_CERTIFICATE,
    REASON_CHAIN_LIMIT, /* more bytes, certificates, depth or names than allowed */
    REASON_UNKNOWN_CA,
    REASON_SIGNATURE, /* a signature in the chain is wrong */
    REASON_CHAIN,     /* path invalid: CA bit, path length, name constraints, key usage... */
    REASON_KEY_TYPE,  /* key type or size not on the list, or a weak signature algorithm */
    REASON_EXPIRED,
    REASON_NOT_YET_VALID,
    REASON_LEAF_IS_CA,
    REASON_EKU,
    REASON_NAME_INVALID,  /* malformed or forbidden SAN, serial */
    REASON_NAME_MISMATCH, /* forward: server_name matches no SAN */
    REASON_REVOKED,
    REASON_CRL_MISSING,
    REASON_CRL_STALE,
    REASON_CRL_INVALID,        /* wrong issuer, bad signature, no number, delta... */
    REASON_NO_RULE,            /* verifies, but no peer rule allows it */
    REASON_CERTIFICATE_VERIFY, /* proof of possession failed */
    /* forward side */
    REASON_NO_TARGET, /* every target refused, timed out or is ejected */
    REASON_DIAL_TIMEOUT,
    REASON_REFUSED_BY_SERVER, /* the server refused our certificate before its first data byte */
    /* record layer */
    REASON_DECRYPT,     /* bad tag */
    REASON_RECORD_TYPE, /* a record or handshake message that is not legal here */
    REASON_RECORD_SIZE,
    REASON_KEYUPDATE_RATE,
    REASON_REKEY_UNSUPPORTED, /* the kernel can not take a new key */
    REASON_ENGINE,            /* installing keys or the engine failed: text says what */
    /* policy */
    REASON_LINK_REMOVED,
    REASON_PEER_DENIED,         /* re-judged under a new policy: text says why */
    REASON_CERTIFICATE_EXPIRED, /* a live session's certificate (or CRL under "cut") ran out */
    REASON_INTERNAL,
    REASON_COUNT
};

/* "closed", "unknown_ca"...: stable, lower case. Any value is safe ("unknown"). */
const char *reason_name(enum reason r);
/* A sentence for people, without a full stop. */
const char *reason_text(enum reason r);

#endif
