package dlq_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/dlq"
)

type fixRow struct {
	name  string
	fixer dlq.Fixer
	in    string
	want  string // "" with wantErr "": unchanged
	err   string
}

func runFixRows(t *testing.T, rows []fixRow) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			in := []byte(tt.in)
			r := &dlq.Record{Out: kafka.Message{Value: in}}
			changed, err := tt.fixer.Fix(t.Context(), r)
			assert.Equal(t, tt.in, string(in), "the input is read-only")
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				assert.Equal(t, tt.in, string(r.Out.Value))
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want != "", changed)
			if tt.want == "" {
				tt.want = tt.in
			}
			assert.Equal(t, tt.want, string(r.Out.Value))
		})
	}
}

func TestRepairJSON(t *testing.T) {
	t.Parallel()
	plain := dlq.RepairJSON(dlq.JSONRepair{})
	tail := dlq.RepairJSON(dlq.JSONRepair{CloseTail: true})
	nan := dlq.RepairJSON(dlq.JSONRepair{NaN: "null"})
	runFixRows(t, []fixRow{
		{"valid JSON passes", plain, `{"a": [1, 2.50, "x"]}`, "", ""},
		{"a trailing comma in an object", plain, `{"a": 1.50 , }`, `{"a": 1.50  }`, ""},
		{"a trailing comma in an array", plain, `[1,2,]`, `[1,2]`, ""},
		{"single quotes", plain, `{'a': 'b"c', 'd': "it's"}`, `{"a": "b\"c", "d": "it's"}`, ""},
		{"an escaped single quote", plain, `{'a': 'it\'s'}`, `{"a": "it's"}`, ""},
		{"a byte order mark", plain, "\xef\xbb\xbf{\"a\":1}", `{"a":1}`, ""},
		{"nested", plain, `{"a":[{'b':[],},{},],"c":null,}`, `{"a":[{"b":[]},{}],"c":null}`, ""},
		{"an apostrophe that ends the text", plain, `{'a': 'it's'}`, "", "certainty"},
		{"two commas", plain, `[1,,2]`, "", "certainty"},
		{"only a comma", plain, `[,]`, "", "certainty"},
		{"a name without quotes", plain, `{a: 1}`, "", "name without quotes"},
		{"a second document", plain, `{'a':1} {"b":2}`, "", "something follows"},
		{"text", plain, `hello`, "", "cut off"},
		{"a Python literal", plain, `{'a': True}`, "", "certainty"},
		{"a comment", plain, `{"a": 1 /* x */}`, "", "certainty"},
		{"a raw line break in a text", plain, "{\"a\": \"x\ny\"}", "", "control character"},
		{"not UTF-8", plain, "{\"a\": \"\xff\",}", "", "not UTF-8"},
		{"nothing", plain, "", "", "cut off"},
		{"a cut tail is refused by default", plain, `{"a": "b"`, "", "cut off"},
		{"a cut after a text", tail, `{"a": ["b"`, `{"a": ["b"]}`, ""},
		{"a cut after an object", tail, `{"a": {"b": true}`, `{"a": {"b": true}}`, ""},
		{"a cut after an empty array", tail, `[[]`, `[[]]`, ""},
		{"a cut after a literal", tail, `[null`, `[null]`, ""},
		{"a cut inside a literal", tail, `[nul`, "", "cut off"},
		{"a cut after a number may have lost digits", tail, `{"a": 12`, "", "cut off"},
		{"a cut inside a text", tail, `{"a": "b`, "", "cut off"},
		{"a cut after a name", tail, `{"a": "b", "c"`, "", "cut off"},
		{"a cut after a colon", tail, `{"a": "b", "c":`, "", "cut off"},
		{"a cut after a comma", tail, `{"a": "b",`, "", "cut off"},
		{"a cut after an opening bracket", tail, `{"a": [`, "", "cut off"},
		{"NaN is refused", plain, `{"a": NaN}`, "", "NaN"},
		{"NaN with a replacement", nan, `{"a": NaN, "b": -Infinity}`, `{"a": null, "b": null}`, ""},
		{"a hostile depth", plain, strings.Repeat("[", 1_000_000), "", "certainty"},
	})
}

func FuzzRepairJSON(f *testing.F) {
	for _, s := range []string{`{'a':[1,],}`, `{"a": ["b"`, "\xef\xbb\xbf[NaN]", `[`, `{"a":"\`, `['"']`} {
		f.Add(s)
	}
	fix := dlq.RepairJSON(dlq.JSONRepair{CloseTail: true, NaN: "0"})
	f.Fuzz(func(t *testing.T, s string) {
		r := &dlq.Record{Out: kafka.Message{Value: []byte(s)}}
		changed, err := fix.Fix(t.Context(), r)
		switch {
		case err != nil || !changed:
			require.Equal(t, s, string(r.Out.Value))
		default:
			require.True(t, json.Valid(r.Out.Value))
			require.False(t, json.Valid([]byte(s)))
		}
	})
}

func TestEnvelopes(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"struct","fields":[{"field":"id","type":"int32"},{"field":"name","type":"string","optional":true},{"field":"tags","type":"array","optional":true,"items":{"type":"string"}}]}`
	add := dlq.AddSchemaEnvelope(schema)
	remove := dlq.RemoveSchemaEnvelope()
	runFixRows(t, []fixRow{
		{"add", add, `{"id": 1, "tags":["a"]}`, `{"schema":` + schema + `,"payload":{"id": 1, "tags":["a"]}}`, ""},
		{"has it", add, `{"schema":null,"payload":{"id":1}}`, "", ""},
		{"a field the schema does not know", add, `{"id":1,"x":2}`, "", "does not know"},
		{"a missing field", add, `{"name":"x"}`, "", "no field id"},
		{"another type", add, `{"id":"1"}`, "", "payload.id is not of type int32"},
		{"out of range", add, `{"id":3000000000}`, "", "int32"},
		{"null where it must not be", add, `{"id":null}`, "", "not optional"},
		{"a wrong item", add, `{"id":1,"tags":[1]}`, "", "payload.tags[0]"},
		{"a field twice", add, `{"id":1,"id":1}`, "", "twice"},
		{"no object", add, `[1]`, "", "struct"},
		{"no JSON", add, `{`, "", "not JSON"},
		{"a schema that is none", dlq.AddSchemaEnvelope(`{`), `{}`, "", "schema given"},
		{"remove", remove, `{"schema":{"type":"string"}, "payload" : {"a": 1.0}}`, `{"a": 1.0}`, ""},
		{"remove a null payload", remove, `{"schema":null,"payload":null}`, `null`, ""},
		{"nothing to remove", remove, `{"a":1}`, "", ""},
		{"three fields are no envelope", remove, `{"schema":1,"payload":2,"x":3}`, "", ""},
	})
}

func TestOtherFixers(t *testing.T) {
	t.Parallel()
	confluent := dlq.RemoveConfluentHeader()
	runFixRows(t, []fixRow{
		{"confluent header before JSON", confluent, "\x00\x00\x00\x00\x07{\"a\":1}", `{"a":1}`, ""},
		{"confluent header before Avro", confluent, "\x00\x00\x00\x00\x07\x02\x04", "", "not JSON"},
		{"no header", confluent, `{"a":1}`, "", ""},
		{"latin 1", dlq.FromCharset(dlq.ISO88591), "caf\xe9", "café", ""},
		{"UTF-8 already", dlq.FromCharset(dlq.ISO88591), "café", "", ""},
		{"not latin 1", dlq.FromCharset(dlq.ISO88591), "\x80\xe9", "", "windows-1252"},
		{"windows-1252", dlq.FromCharset(dlq.Windows1252), "\x80\x99\xe9", "€™é", ""},
		{"undefined in windows-1252", dlq.FromCharset(dlq.Windows1252), "\x81", "", "does not define"},
		{"UTF-16 little endian with mark", dlq.FromCharset(dlq.UTF16LE), "\xff\xfea\x00\x3d\xd8\x00\xde", "a😀", ""},
		{"UTF-16 big endian", dlq.FromCharset(dlq.UTF16BE), "\x00a\x00b", "ab", ""},
		{"the other byte order", dlq.FromCharset(dlq.UTF16BE), "\xff\xfea\x00", "", "other byte order"},
		{"an odd length", dlq.FromCharset(dlq.UTF16BE), "\x00a\x00", "", "odd"},
		{"half a pair", dlq.FromCharset(dlq.UTF16LE), "\x3d\xd8", "", "surrogate"},
		{"an unknown set", dlq.FromCharset("EBCDIC"), "x", "", "unknown character set"},

		{"rename", dlq.RenameField("a.b", "c"), `{"x":1, "a":{ "b" : 1.50, "d":2}}`, `{"x":1, "a":{ "c" : 1.50, "d":2}}`, ""},
		{"rename to a name that is there", dlq.RenameField("a", "b"), `{"a":1,"b":2}`, "", "already"},
		{"rename what is missing", dlq.RenameField("z", "b"), `{"a":1}`, "", ""},
		{"a field twice", dlq.RenameField("a", "b"), `{"a":1,"a":2}`, "", "twice"},
		{"an escaped name", dlq.RenameField("a", "b"), `{"\u0061":1,"c\\\"":2}`, `{"b":1,"c\\\"":2}`, ""},
		{"no object on the way", dlq.RenameField("a.b", "c"), `{"a":1}`, "", "not a JSON object"},
		{"default", dlq.DefaultField("a", "0"), `{"b":1 }`, `{"b":1,"a":0 }`, ""},
		{"default in an empty object", dlq.DefaultField("x.a", `"n"`), `{"x":{}}`, `{"x":{"a":"n"}}`, ""},
		{"default leaves null", dlq.DefaultField("a", "0"), `{"a":null}`, "", ""},
		{"a default that is no JSON", dlq.DefaultField("a", "x"), `{}`, "", "not JSON"},
		{"cast a text to a number", dlq.CastField("a", dlq.FieldInt64), `{"a":"12","b":"12"}`, `{"a":12,"b":"12"}`, ""},
		{"cast a number to a text", dlq.CastField("a", dlq.FieldString), `{"a":1.50}`, `{"a":"1.50"}`, ""},
		{"cast to double", dlq.CastField("a", dlq.FieldDouble), `{"a":"1.5e3"}`, `{"a":1.5e3}`, ""},
		{"cast to boolean", dlq.CastField("a", dlq.FieldBoolean), `{"a":"true"}`, `{"a":true}`, ""},
		{"cast what is of the type", dlq.CastField("a", dlq.FieldInt64), `{"a":12}`, "", ""},
		{"cast null", dlq.CastField("a", dlq.FieldInt64), `{"a":null}`, "", ""},
		{"cast needs rounding", dlq.CastField("a", dlq.FieldInt64), `{"a":1.5}`, "", "guess"},
		{"cast of blanks", dlq.CastField("a", dlq.FieldInt64), `{"a":" 12"}`, "", "guess"},
		{"cast of leading zeros", dlq.CastField("a", dlq.FieldInt64), `{"a":"007"}`, "", "guess"},
		{"cast out of range", dlq.CastField("a", dlq.FieldInt64), `{"a":"99999999999999999999"}`, "", "guess"},
		{"cast one to boolean", dlq.CastField("a", dlq.FieldBoolean), `{"a":1}`, "", "guess"},
		{"cast an object", dlq.CastField("a", dlq.FieldString), `{"a":{}}`, "", "guess"},
	})
}

func TestChain(t *testing.T) {
	t.Parallel()
	decide := func(value []byte, fixers ...dlq.Fixer) (string, string) {
		r := &dlq.Record{Out: kafka.Message{Key: []byte("'k'"), Value: value}}
		d, err := dlq.Chain(fixers...)(t.Context(), r)
		require.NoError(t, err)
		return d.String(), string(r.Out.Key) + string(r.Out.Value)
	}
	repair := dlq.RepairJSON(dlq.JSONRepair{})
	d, out := decide([]byte(`{'a':"1",}`), repair, dlq.CastField("a", dlq.FieldInt64), dlq.OnKey(repair))
	assert.Equal(t, "republish", d)
	assert.Equal(t, `"k"{"a":1}`, out)
	d, _ = decide([]byte(`{"a":1}`), repair)
	assert.Equal(t, "park: no fixer applies", d)
	d, _ = decide([]byte(`{"a":1}`), repair, dlq.AsIs())
	assert.Equal(t, "republish", d)
	d, _ = decide([]byte(`{"a":`), repair, dlq.AsIs())
	assert.Equal(t, "park: repair JSON: the value is cut off", d)
	d, _ = decide(nil, dlq.Tombstones(dlq.TombstoneSkip))
	assert.Equal(t, "skip: tombstone", d)
	d, _ = decide(nil, dlq.Tombstones(dlq.TombstonePark), dlq.AsIs())
	assert.Equal(t, "park: tombstone: the value is null", d)
	d, _ = decide(nil, dlq.Tombstones(dlq.TombstoneRepublish), repair)
	assert.Equal(t, "republish", d)
	never := dlq.When(func(r *dlq.Record) bool { return r.Failure.Stage == dlq.StageTaskPut }, dlq.AsIs())
	d, _ = decide([]byte("{}"), never)
	assert.Equal(t, "park: no fixer applies", d)
	d, _ = decide([]byte("{}"))
	assert.Equal(t, "park: no fixer applies", d)

	ctx, cancel := context.WithCancelCause(t.Context())
	why := errors.New("why")
	cancel(why)
	_, err := dlq.Chain(dlq.Fixer{Name: "slow", Fix: func(ctx context.Context, _ *dlq.Record) (bool, error) { return false, ctx.Err() }})(ctx, &dlq.Record{})
	require.ErrorIs(t, err, why)
	assert.Equal(t, "park", fmt.Sprint(dlq.Decision{}))
}
