package connecttest

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

type createRequest struct {
	name    string
	config  *javaMap
	initial string
}

func (s *Server) decodeCreate(body []byte) (createRequest, *reply) {
	var in struct {
		Name    string                     `json:"name"`
		Config  map[string]json.RawMessage `json:"config"`
		Initial *string                    `json:"initial_state"`
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		r := refuse(http.StatusInternalServerError, err.Error())
		return createRequest{}, &r
	}
	out := createRequest{name: in.Name}
	if in.Initial != nil {
		out.initial = strings.ToUpper(*in.Initial)
	}
	raw, _ := json.Marshal(in.Config)
	cfg, bad := s.decodeConfig(raw, "connectorConfig")
	out.config = cfg
	return out, bad
}

func (s *Server) decodeConfig(body []byte, what string) (*javaMap, *reply) {
	var in map[string]json.RawMessage
	if err := json.Unmarshal(body, &in); err != nil || in == nil {
		r := refuse(http.StatusInternalServerError, what)
		return nil, &r
	}
	out := newJavaMap()
	for k, raw := range in {
		var v any
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		_ = d.Decode(&v)
		switch x := v.(type) {
		case nil:
			out.set(k, nil)
		case string:
			out.put(k, x)
		default:
			out.put(k, string(raw))
		}
	}
	return out, nil
}
