package dlq_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/dlq"
)

// Headers as one byte string: length of the key, key, length of the value plus one (0 is null), value.
func packHeaders(headers []kafka.Header) []byte {
	var b []byte
	for _, h := range headers {
		b = append(binary.AppendUvarint(b, uint64(len(h.Key))), h.Key...)
		if h.Value == nil {
			b = append(b, 0)
			continue
		}
		b = append(binary.AppendUvarint(b, uint64(len(h.Value))+1), h.Value...)
	}
	return b
}

func unpackHeaders(b []byte) (headers []kafka.Header) {
	take := func() ([]byte, bool) {
		n, used := binary.Uvarint(b)
		if used <= 0 {
			return nil, false
		}
		b = b[used:]
		n = min(n, uint64(len(b)))
		out := b[:n:n]
		b = b[n:]
		return out, true
	}
	for len(b) > 0 {
		key, ok := take()
		if !ok {
			return headers
		}
		h := kafka.Header{Key: string(key)}
		n, used := binary.Uvarint(b)
		if used <= 0 {
			return append(headers, h)
		}
		b = b[used:]
		if n > 0 {
			n = min(n-1, uint64(len(b)))
			h.Value = append([]byte{}, b[:n]...)
			b = b[n:]
		}
		headers = append(headers, h)
	}
	return headers
}

func FuzzParse(f *testing.F) {
	for _, c := range capturedRecords(f) {
		m := c.message(f)
		for i := range m.Headers {
			m.Headers[i].Value = m.Headers[i].Value[:min(len(m.Headers[i].Value), 64)]
		}
		f.Add(packHeaders(m.Headers))
	}
	f.Add(packHeaders([]kafka.Header{header(dlq.HeaderPartition, "x"), header(dlq.PrefixStreams+"exception", ""), {Key: dlq.HeaderExceptionMessage}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		headers := unpackHeaders(b)
		before := clone(headers)
		last, err := dlq.Parse(headers)
		all, allErr := dlq.ParseAll(headers)
		require.Equal(t, errors.Is(err, dlq.ErrNoContext), len(all) == 0)
		require.Equal(t, errors.Is(allErr, dlq.ErrNoContext), len(all) == 0)
		own := dlq.Strip(headers)
		require.Equal(t, before, headers)
		for _, h := range own {
			require.False(t, dlq.IsContextHeader(h.Key))
		}
		if len(all) == 0 {
			return
		}
		require.Equal(t, all[len(all)-1], last)
		for _, one := range all {
			again, _ := dlq.Parse(one.AppendTo(own))
			require.Equal(t, one, again)
		}
	})
}
