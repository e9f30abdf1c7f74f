#include "appliance-image/src/keys.h"

#define ESCAPE 0x1b
#define DELETE 0x7f

static char take_plain(struct keys *k, uint8_t byte)
{
    switch (byte) {
    case ESCAPE:
        k->state = KEYS_ESCAPE;
        return KEY_NONE;
    case '\r':
    case '\n':
        return KEY_ENTER;
    case '\b':
    case DELETE:
        return KEY_ERASE;
    default:
        return byte >= ' ' && byte < DELETE ? (char)byte : KEY_NONE;
    }
}

char keys_take(struct keys *k, uint8_t byte)
{
    switch (k->state) {
    case KEYS_ESCAPE: /* ESC [ and ESC O begin a sequence; ESC and one character is one */
        if (byte != ESCAPE)
            k->state = byte == '[' || byte == 'O' ? KEYS_SEQUENCE : KEYS_PLAIN;
        return KEY_NONE;
    case KEYS_SEQUENCE: /* until its final character (ECMA-48, 5.4) */
        if (byte == ESCAPE)
            k->state = KEYS_ESCAPE;
        else if (byte >= '@' && byte <= '~')
            k->state = KEYS_PLAIN;
        return KEY_NONE;
    case KEYS_PLAIN:
        break;
    }
    return take_plain(k, byte);
}
