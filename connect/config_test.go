package connect_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

const sentinel = "S3ntinel-Passw0rd"

func secretConfig() connect.Config {
	return connect.Config{
		"connector.class": "io.example.Sink", "name": "x", "tasks.max": "2",
		"connection.password":                  sentinel,
		"connection.url":                       "jdbc:mysql://root:" + sentinel + "@db/x?password=" + sentinel,
		"producer.override.sasl.jaas.config":   `org.x.PlainLoginModule required username="u" password="` + sentinel + `";`,
		"value.converter.basic.auth.user.info": "user:" + sentinel,
		"api.key":                              sentinel,
		"reference.password":                   "${file:/opt/db.properties:password}",
	}
}

func TestConfigNeverPrintsASecret(t *testing.T) {
	t.Parallel()
	cfg := secretConfig()
	pw := sentinel
	patch := connect.ConfigPatch{"connection.password": &pw, "gone": nil}
	conn := connect.Connector{Name: "x", Config: cfg}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T%v"} {
		for _, v := range []any{cfg, &cfg, patch, conn, &conn, connect.CreateRequest{Name: "x", Config: cfg}, []connect.Config{cfg}, map[string]any{"c": cfg}, connect.Change{Connector: &conn, Diff: connect.Config{}.Diff(cfg)}, connect.Task{Config: cfg}, &connect.Task{Config: cfg}, connect.ExpandedConnector{Info: &conn}, struct{ C *connect.Connector }{&conn}, []any{&conn, &cfg}, &connect.Error{Body: []byte(sentinel)}, connect.Error{Body: []byte(sentinel)}} {
			got := fmt.Sprintf(verb, v, v)
			assert.NotContains(t, got, sentinel, "%s of %T", verb, v)
			assert.NotContains(t, got, "53336e74696e656c", "%s of %T", verb, v)
			assert.NotContains(t, got, "83 51 110", "%s of %T", verb, v)
		}
	}
	var buf bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&buf, nil), slog.NewJSONHandler(&buf, nil)} {
		slog.New(h).Info("m", "config", cfg, "patch", patch, "diff", connect.Config{}.Diff(cfg), "err", fmt.Errorf("x: %v", cfg),
			"conn", conn, "pointer", &conn, "create", connect.CreateRequest{Name: "x", Config: cfg}, "task", &connect.Task{Config: cfg},
			"expanded", connect.ExpandedConnector{Info: &conn, Status: &connect.ConnectorStatus{Name: "x"}}, "change", &connect.Change{Connector: &conn, Diff: connect.Config{}.Diff(cfg)})
	}
	assert.NotContains(t, buf.String(), sentinel)
	assert.Contains(t, buf.String(), "tasks.max")
	text, err := cfg.MarshalText()
	require.NoError(t, err)
	assert.NotContains(t, string(text), sentinel)
	text, err = patch.MarshalText()
	require.NoError(t, err)
	assert.Equal(t, "{connection.password=[redacted], gone=<deleted>}", string(text))
	assert.Contains(t, cfg.String(), "reference.password=${file:/opt/db.properties:password}", "a reference is no secret")
	assert.Contains(t, fmt.Sprintf("%#v", cfg), `connect.Config{"api.key":"[redacted]"`)
	assert.Equal(t, `"{a=b}"`, fmt.Sprintf("%q", connect.Config{"a": "b"}))
	assert.Equal(t, "{}", connect.Config(nil).String())
}

func TestConfigRedactedAndClone(t *testing.T) {
	t.Parallel()
	cfg := secretConfig()
	red := cfg.Redacted()
	assert.Equal(t, "[redacted]", red["connection.password"])
	assert.Equal(t, "jdbc:mysql://root:[redacted]@db/x?password=[redacted]", red["connection.url"])
	assert.Equal(t, "2", red["tasks.max"])
	assert.Equal(t, secretConfig(), cfg, "the original is as it was")
	c := cfg.Clone()
	c["a"] = "b"
	assert.NotContains(t, cfg, "a")
	assert.Nil(t, connect.Config(nil).Redacted())
	assert.Nil(t, connect.Config(nil).Clone())
}

func TestConfigAsJSONIsTheRealThing(t *testing.T) {
	t.Parallel()
	cfg := secretConfig()
	data, err := json.Marshal(cfg)
	require.NoError(t, err)
	var back connect.Config
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, cfg, back)
	require.NoError(t, json.Unmarshal([]byte(`{"a":1,"b":true,"c":null,"d":1e3,"e":"x"}`), &back))
	assert.Equal(t, connect.Config{"a": "1", "b": "true", "d": "1e3", "e": "x"}, back)
	err = json.Unmarshal([]byte(`{"a":{"password":"`+sentinel+`"}}`), &back)
	require.Error(t, err)
	assert.NotContains(t, err.Error(), sentinel)
	assert.Contains(t, err.Error(), `"a"`)
	data, err = json.Marshal(connect.ConfigPatch{"a": nil})
	require.NoError(t, err)
	assert.JSONEq(t, `{"a":null}`, string(data))
}

func TestDiff(t *testing.T) {
	t.Parallel()
	have := connect.Config{
		"name": "x", "connector.class": "C", "tasks.max": "1", "gone": "v", "connection.password": "old-" + sentinel, "same.password": sentinel,
		"masked.password": sentinel, "connection.url": "jdbc:a://u:" + sentinel + "1@h",
	}
	want := connect.Config{
		"connector.class": "C", "tasks.max": "4", "new": "v", "connection.password": "new-" + sentinel, "same.password": sentinel,
		"masked.password": "******", "connection.url": "jdbc:a://u:" + sentinel + "2@h",
	}
	d := have.Diff(want)
	assert.Equal(t, connect.Diff{
		{Key: "connection.password", Kind: connect.DiffChanged},
		{Key: "connection.url", Kind: connect.DiffChanged},
		{Key: "gone", Kind: connect.DiffRemoved, Old: "v"},
		{Key: "masked.password", Kind: connect.DiffMasked},
		{Key: "new", Kind: connect.DiffAdded, New: "v"},
		{Key: "tasks.max", Kind: connect.DiffChanged, Old: "1", New: "4"},
	}, d, "`name`, which the server adds, is no difference")
	assert.Equal(t, "~ connection.password: changed\n~ connection.url: changed\n- gone: v\n~ masked.password: cannot compare\n+ new: v\n~ tasks.max: 1 -> 4", d.String())
	assert.NotContains(t, fmt.Sprintf("%#v %+v", d, d), sentinel)
	assert.Empty(t, have.Diff(have))
	assert.Empty(t, connect.Config{"a": "******"}.Diff(connect.Config{"a": "******"}))
	assert.Len(t, connect.Config{"name": "a"}.Diff(connect.Config{"name": "b"}), 1)
	ref := connect.Config{"p.password": "${env:A}"}
	assert.Equal(t, "~ p.password: ${env:A} -> ${env:B}", ref.Diff(connect.Config{"p.password": "${env:B}"}).String())
}
