package dlq_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
)

// captured is a dead letter that a real worker wrote, with what it should decode to.
type captured struct {
	ID     string `json:"id"`
	Expect struct {
		expected
		Sets int `json:"sets"`
	} `json:"expect"`
	First  *expected `json:"expect_first"`
	Record struct {
		Key     *string `json:"key_b64"`
		Value   *string `json:"value_b64"`
		Headers []struct {
			Key   string  `json:"key"`
			Value *string `json:"value_b64"`
		} `json:"headers"`
	} `json:"record"`
}

type expected struct {
	Topic            string  `json:"topic"`
	Partition        int     `json:"partition"`
	Offset           int64   `json:"offset"`
	Connector        string  `json:"connector"`
	Task             int     `json:"task"`
	Stage            string  `json:"stage"`
	Class            string  `json:"class"`
	ExceptionClass   string  `json:"exception_class"`
	ExceptionMessage *string `json:"exception_message"`
}

func (c captured) message(tb testing.TB) kafka.Message {
	tb.Helper()
	decode := func(s *string) []byte {
		if s == nil {
			return nil
		}
		b, err := base64.StdEncoding.DecodeString(*s)
		require.NoError(tb, err)
		return b
	}
	m := kafka.Message{Key: decode(c.Record.Key), Value: decode(c.Record.Value)}
	for _, h := range c.Record.Headers {
		m.Headers = append(m.Headers, kafka.Header{Key: h.Key, Value: decode(h.Value)})
	}
	return m
}

func capturedRecords(tb testing.TB) []captured {
	tb.Helper()
	paths, err := filepath.Glob("testdata/records/*.json")
	require.NoError(tb, err)
	require.NotEmpty(tb, paths)
	all := make([]captured, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(tb, err)
		require.NoError(tb, json.Unmarshal(text, &all[i]), path)
	}
	return all
}
