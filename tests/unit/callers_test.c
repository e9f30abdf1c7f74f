/* Is a caller of the management link who its PROXY header says, and nobody if the header is odd? */
#include "mgmt/callers.h"

#include <errno.h>
#include <openssl/sha.h>
#include <string.h>
#include "dataplane/base/buf.h"
#include "tests/unit/test.h"

static uint8_t mem[2048];

static void put_tlv(struct buf *b, uint8_t type, const void *data, size_t n)
{
    buf_put_u8(b, type);
    buf_put_u16(b, (uint16_t)n);
    buf_put_bytes(b, data, n);
}

/* As the data plane writes it: IPv4, name, certificate, rule 3 of revision 42. */
static size_t header(uint32_t verified)
{
    uint8_t ssl_mem[256], rule[10] = {0, 0, 0, 0, 0, 0, 0, 42, 0, 3};
    struct buf b, ssl;

    buf_init(&ssl, ssl_mem, sizeof ssl_mem);
    buf_put_u8(&ssl, 7);
    buf_put_u32(&ssl, verified);
    put_tlv(&ssl, 0x22, "operator", 8);
    put_tlv(&ssl, 0x28, "certificate", 11);
    buf_init(&b, mem, sizeof mem);
    buf_put_bytes(&b, "\r\n\r\n\0\r\nQUIT\n", 12);
    buf_put_u8(&b, 0x21);
    buf_put_u8(&b, 0x11);
    buf_put_u16(&b, 0);
    buf_put_bytes(&b, "\x0a\x00\x00\x01\x7f\x00\x00\x01\xc0\x00\x24\xe3", 12);
    put_tlv(&b, 0x05, "id", 2);
    put_tlv(&b, 0x20, ssl_mem, ssl.len);
    put_tlv(&b, 0xe0, rule, sizeof rule);
    mem[14] = (uint8_t)((b.len - 16) >> 8);
    mem[15] = (uint8_t)(b.len - 16);
    return b.len;
}

TEST("a header tells source, name, certificate, revision and rule")
{
    size_t n = header(0);
    uint8_t hash[32];
    struct caller_facts f;
    char text[ADDR_TEXT_MAX];

    EXPECT(callers_header_size(mem) == (long)n && callers_parse(mem, n, &f) == 0);
    EXPECT(!strcmp(addr_text(&f.source, text), "10.0.0.1:49152"));
    EXPECT(!strcmp(f.common_name, "operator") && f.has_cert && f.has_rule);
    EXPECT(f.revision == 42 && f.rule == 3);
    SHA256((const uint8_t *)"certificate", 11, hash);
    EXPECT(!memcmp(hash, f.cert_sha256, 32));
}

TEST("a header cut anywhere, or with a byte more, is none")
{
    size_t n = header(0);
    struct caller_facts f;

    for (size_t cut = 0; cut < n; cut++)
        EXPECT(callers_parse(mem, cut, &f) == -EPROTO);
    EXPECT(callers_parse(mem, n + 1, &f) == -EPROTO);
    for (size_t cut = 16; cut < n; cut++) { /* and says so itself */
        header(0);
        mem[14] = (uint8_t)((cut - 16) >> 8);
        mem[15] = (uint8_t)(cut - 16);
        EXPECT(callers_parse(mem, cut, &f) != 0 || !f.has_rule);
    }
}

TEST("a peer that was not verified, a LOCAL header, another version or protocol are refused")
{
    struct caller_facts f;
    size_t n = header(1);

    EXPECT(callers_parse(mem, n, &f) == -EPROTO);
    n = header(0);
    mem[12] = 0x20;
    EXPECT(callers_header_size(mem) == -EPROTO && callers_parse(mem, n, &f) == -EPROTO);
    n = header(0);
    mem[12] = 0x11;
    EXPECT(callers_header_size(mem) == -EPROTO);
    n = header(0);
    mem[13] = 0x31;
    EXPECT(callers_parse(mem, n, &f) == -EPROTO);
    header(0);
    mem[14] = 0xff;
    EXPECT(callers_header_size(mem) == -EMSGSIZE);
    EXPECT(callers_header_size((const uint8_t *)"GET / HTTP/1.1\r\n") == -EPROTO);
}

TEST("without certificate or rule it says so, and a rule of another size is no rule")
{
    struct caller_facts f;
    struct buf b;

    header(0);
    buf_init(&b, mem, sizeof mem);
    b.len = 28;
    put_tlv(&b, 0xe0, "123456789", 9);
    mem[14] = 0;
    mem[15] = (uint8_t)(b.len - 16);
    EXPECT(callers_parse(mem, b.len, &f) == -EPROTO);
    mem[15] = 12;
    EXPECT(callers_parse(mem, 28, &f) == 0 && !f.has_cert && !f.has_rule);
}

int main(void)
{
    return test_run();
}
