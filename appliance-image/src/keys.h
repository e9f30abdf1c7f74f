/*
 * keys: the bytes that a terminal sends, as keys of the menu.
 *
 * Why: whoever stands at the box, or holds the other end of its serial line, types what he likes.
 * What has a meaning is a printable character, Enter and Backspace; all else, arrows and whole
 * escape sequences with it, is nothing. Owner: the caller; three states and no memory of bytes.
 * Never: a control character, or a part of an escape sequence, that comes out as a key.
 */
#ifndef PENSTOCK_IMAGE_KEYS_H
#define PENSTOCK_IMAGE_KEYS_H

#include <stdint.h>

#define KEY_NONE  0
#define KEY_ENTER '\n'
#define KEY_ERASE '\b'

enum keys_state { KEYS_PLAIN, KEYS_ESCAPE, KEYS_SEQUENCE };

struct keys {
    enum keys_state state; /* zeroed: KEYS_PLAIN */
};

/* The key that this byte ends: KEY_NONE, KEY_ENTER, KEY_ERASE, or a character from ' ' to '~'. */
char keys_take(struct keys *k, uint8_t byte);

#endif
