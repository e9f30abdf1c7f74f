/* Are tags, patches and differences of a configuration what the RFCs say? */
#include "mgmt/api/document.h"

#include <string.h>
#include "tests/unit/test.h"

static json_t *parse(const char *text)
{
    return json_loads(text, JSON_DECODE_ANY, NULL);
}

TEST("a merge patch does what each example of RFC 7396, appendix A, says")
{
    static const struct {
        const char *target, *patch, *result;
    } rows[] = {
        {"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
        {"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
        {"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
        {"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
        {"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
        {"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
        {"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
        {"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
        {"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
        {"{\"a\":\"foo\"}", "null", "null"},
        {"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
        {"{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}"},
        {"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
        {"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        json_t *target = parse(rows[i].target), *patch = parse(rows[i].patch),
               *want = parse(rows[i].result), *got = document_merge(target, patch),
               *same = parse(rows[i].target);

        EXPECT(json_equal(got, want) && json_equal(target, same));
        json_decref(target);
        json_decref(patch);
        json_decref(want);
        json_decref(got);
        json_decref(same);
    }
}

TEST("what one changed goes on top of what another changed, unless both changed one thing")
{
    static const struct {
        const char *base, *mine, *theirs, *result, *where;
    } rows[] = {
        {"{\"a\":1,\"b\":1}", "{\"a\":2,\"b\":1}", "{\"a\":1,\"b\":3}", "{\"a\":2,\"b\":3}", ""},
        {"{\"a\":1}", "{\"a\":1}", "{\"a\":2}", "{\"a\":2}", ""},
        {"{\"a\":1}", "{\"a\":2}", "{\"a\":2}", "{\"a\":2}", ""},
        {"{\"a\":1,\"b\":1}", "{\"b\":1}", "{\"a\":1,\"b\":1,\"c\":1}", "{\"b\":1,\"c\":1}", ""},
        {"{\"a\":{\"x\":1}}", "{\"a\":{\"x\":1,\"y\":2}}", "{\"a\":{\"z\":3,\"x\":1}}",
         "{\"a\":{\"x\":1,\"y\":2,\"z\":3}}", ""},
        {"{\"a\":{\"x\":[1]}}", "{\"a\":{\"x\":[1]},\"b\":0}", "{\"a\":{\"x\":[2]}}",
         "{\"a\":{\"x\":[2]},\"b\":0}", ""},
        {"{\"a\":1}", "{\"a\":2}", "{\"a\":3}", NULL, "/a"},
        {"{\"a\":1}", "{}", "{\"a\":3}", NULL, "/a"},
        {"{}", "{\"a\":{\"x\":1}}", "{\"a\":{\"x\":2}}", NULL, "/a"},
        {"{\"a\":{\"x/y\":[1]}}", "{\"a\":{\"x/y\":[2]}}", "{\"a\":{\"x/y\":[3]}}", NULL,
         "/a/x~1y"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char where[DOCUMENT_POINTER_MAX] = "?";
        json_t *base = parse(rows[i].base), *mine = parse(rows[i].mine),
               *theirs = parse(rows[i].theirs),
               *want = rows[i].result ? parse(rows[i].result) : NULL,
               *got = document_rebase(base, mine, theirs, where);

        EXPECT(want ? json_equal(got, want) : !got);
        EXPECT(!strcmp(where, rows[i].where));
        json_decref(base);
        json_decref(mine);
        json_decref(theirs);
        json_decref(want);
        json_decref(got);
    }
}

TEST("a patch that is nested without end is refused")
{
    json_t *deep = json_object(), *got;

    for (int i = 0; i < 80; i++) {
        json_t *outer = json_object();

        json_object_set_new(outer, "a", deep);
        deep = outer;
    }
    got = document_merge(NULL, deep);
    EXPECT(!got);
    json_decref(deep);
}

TEST("a difference names each place by its pointer, escaped, and arrays as a whole")
{
    json_t *from = parse("{\"a\":1,\"b\":{\"c/d\":[1],\"e~\":2},\"gone\":true}"),
           *to = parse("{\"a\":1,\"b\":{\"c/d\":[1,2],\"e~\":3},\"new\":null}"),
           *want = parse("[{\"path\":\"/b/c~1d\",\"from\":[1],\"to\":[1,2]},"
                         "{\"path\":\"/b/e~0\",\"from\":2,\"to\":3},"
                         "{\"path\":\"/gone\",\"from\":true},{\"path\":\"/new\",\"to\":null}]"),
           *got = document_diff(from, to), *none = document_diff(from, from);

    EXPECT(json_equal(got, want));
    EXPECT(json_array_size(none) == 0);
    json_decref(from);
    json_decref(to);
    json_decref(want);
    json_decref(got);
    json_decref(none);
}

TEST("a tag tells values apart and does not mind the order of keys")
{
    json_t *a = parse("{\"x\":1,\"y\":2}"), *b = parse("{\"y\":2,\"x\":1}"),
           *c = parse("{\"x\":1}");
    char ta[DOCUMENT_TAG_MAX], tb[DOCUMENT_TAG_MAX], tc[DOCUMENT_TAG_MAX];

    document_tag(a, ta);
    document_tag(b, tb);
    document_tag(c, tc);
    EXPECT(!strcmp(ta, tb) && strcmp(ta, tc) != 0);
    EXPECT(ta[0] == '"' && ta[strlen(ta) - 1] == '"' && strlen(ta) == 34);
    json_decref(a);
    json_decref(b);
    json_decref(c);
}

int main(void)
{
    return test_run();
}
