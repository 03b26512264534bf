package connecttest

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

const contentJSON = "application/json"

// reply is what a resource answers.
type reply struct {
	status  int
	body    any    // written as JSON; nil is no body
	raw     string // written as it is, with contentType
	kind    string // Content-Type; "" is none
	header  map[string]string
	aborted bool // the connection breaks instead
}

func jsonReply(status int, body any) reply {
	return reply{status: status, body: body, kind: contentJSON}
}

func empty(status int) reply { return reply{status: status} }

type errorMessage struct {
	Code    int     `json:"error_code"`
	Message *string `json:"message"`
}

// refuse is Connect's own error body.
func refuse(status int, message string) reply {
	return jsonReply(status, errorMessage{status, &message})
}

// refuseBare is the JSON error body of a request that matched no resource method: it has no Content-Type.
func refuseBare(status int) reply {
	message := "HTTP " + strconv.Itoa(status) + " " + http.StatusText(status)
	return reply{status: status, body: errorMessage{status, &message}}
}

func (r reply) with(key, value string) reply {
	h := map[string]string{key: value}
	maps.Copy(h, r.header)
	r.header = h
	return r
}

// write sends the reply. A body is streamed, not built in memory first.
func (r reply) write(w http.ResponseWriter, head bool) {
	if r.aborted {
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	if r.kind != "" {
		h.Set("Content-Type", r.kind)
	} else {
		h["Content-Type"] = nil // keeps net/http from guessing one
	}
	for k, v := range r.header {
		h.Set(k, v)
	}
	if r.body == nil && r.raw == "" {
		if r.status != http.StatusNoContent {
			h.Set("Content-Length", "0")
		}
		w.WriteHeader(r.status)
		return
	}
	w.WriteHeader(r.status)
	switch {
	case head:
	case r.body != nil:
		if s, ok := r.body.(streamer); ok {
			s.stream(w)
			return
		}
		b, err := marshal(r.body)
		if err != nil {
			panic(http.ErrAbortHandler) // unreachable: every body is a plain value
		}
		_, _ = w.Write(b) // the client is gone: nothing to tell it
	default:
		_, _ = w.Write([]byte(r.raw))
	}
}

// streamer writes its JSON in pieces.
type streamer interface{ stream(w http.ResponseWriter) }

// object is a JSON object in the order of its names.
type object struct {
	names  []string
	values []any
}

func (o *object) add(name string, value any) {
	o.names, o.values = append(o.names, name), append(o.values, value)
}

func (o *object) stream(w http.ResponseWriter) {
	write := func(b []byte) { _, _ = w.Write(b) }
	write([]byte("{"))
	for i, name := range o.names {
		if i > 0 {
			write([]byte(","))
		}
		b, err := marshal(o.values[i])
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		write(append(append(jsonString(name), ':'), b...))
	}
	write([]byte("}"))
}

func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
