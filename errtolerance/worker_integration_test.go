package errtolerance_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// worker calls a real worker's REST API as plainly as it goes: what is compared here are answers, not our client.
type worker struct {
	t   *testing.T
	url string
}

func (w worker) call(method, path string, in any) (status int, body []byte) {
	w.t.Helper()
	var reader io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		require.NoError(w.t, err)
		reader = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.url+path, reader)
	require.NoError(w.t, err)
	req.Header.Set("Content-Type", "application/json")
	client := http.Client{Timeout: 2 * time.Minute}
	res, err := client.Do(req)
	require.NoError(w.t, err)
	defer func() { _ = res.Body.Close() }()
	body, err = io.ReadAll(res.Body)
	require.NoError(w.t, err)
	return res.StatusCode, body
}

// patiently repeats a call that a rebalance got in the way of.
func (w worker) patiently(method, path string, in any) (status int, body []byte) {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		status, body = w.call(method, path, in)
		text := string(body)
		return status != http.StatusConflict && !strings.Contains(text, "rebalance") && !strings.Contains(text, "timed out")
	}, 3*time.Minute, 500*time.Millisecond)
	return status, body
}

// validate returns whether the worker finds errors, and its words.
func (w worker) validate(plugin string, config map[string]string) (refused bool, said string) {
	w.t.Helper()
	status, body := w.patiently(http.MethodPut, "/connector-plugins/"+plugin+"/config/validate", config)
	if status != http.StatusOK {
		return true, string(body)
	}
	var answer struct {
		ErrorCount int `json:"error_count"`
		Configs    []struct {
			Value struct {
				Name   string   `json:"name"`
				Errors []string `json:"errors"`
			} `json:"value"`
		} `json:"configs"`
	}
	require.NoError(w.t, json.Unmarshal(body, &answer))
	var lines []string
	for _, c := range answer.Configs {
		for _, e := range c.Value.Errors {
			lines = append(lines, c.Value.Name+": "+e)
		}
	}
	return answer.ErrorCount > 0, strings.Join(lines, "\n")
}

// create returns whether the worker refuses the connector. What it accepts is deleted at the end of the test.
func (w worker) create(name, state string, config map[string]string) (refused bool, said string) {
	w.t.Helper()
	in := map[string]any{"name": name, "config": config}
	if state != "" {
		in["initial_state"] = state
	}
	status, body := w.patiently(http.MethodPost, "/connectors", in)
	if status == http.StatusCreated {
		return false, ""
	}
	return true, string(body)
}

func (w worker) delete(name string) {
	w.t.Helper()
	status, body := w.patiently(http.MethodDelete, "/connectors/"+url.PathEscape(name), nil)
	require.Contains(w.t, []int{http.StatusNoContent, http.StatusNotFound}, status, "%s", body)
}

// task returns the state and trace of the first task, or "" while there is none.
func (w worker) task(name string) (state, trace string) {
	w.t.Helper()
	status, body := w.call(http.MethodGet, "/connectors/"+url.PathEscape(name)+"/status", nil)
	if status != http.StatusOK {
		return "", ""
	}
	var answer struct {
		Tasks []struct {
			State string `json:"state"`
			Trace string `json:"trace"`
		} `json:"tasks"`
	}
	require.NoError(w.t, json.Unmarshal(body, &answer))
	if len(answer.Tasks) == 0 {
		return "", ""
	}
	return answer.Tasks[0].State, answer.Tasks[0].Trace
}
