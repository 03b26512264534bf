package connect_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/connect"
)

// TestNames goes through the names of the measured table: what is sent, what is refused and why.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what, name, version, path string
		readFails, writeFails     string // a part of the error, empty = sent
	}{
		{"a space", "sp ace", "4.0.0", "sp%20ace", "", ""},
		{"unicode", "käse", "4.0.0", "k%C3%A4se", "", ""},
		{"plus and ampersand", "plus+amp&=", "4.0.0", "plus+amp&=", "", ""},
		{"question mark and hash", "q?h#", "4.0.0", "q%3Fh%23", "", ""},
		{"quotes and brackets", `"quote"[br]`, "4.0.0", "%22quote%22%5Bbr%5D", "", ""},
		{"a template", "{x}", "4.0.0", "%7Bx%7D", "", ""},
		{"two dots inside", "dot..", "4.0.0", "dot..", "", ""},
		{"a slash on 4.x cannot be addressed", "a/b", "4.0.0", "", "Kafka 4.0", "Kafka 4.0"},
		{"a percent sign on 4.x cannot be addressed", "50%", "4.3.1", "", "Kafka 4.0", "Kafka 4.0"},
		{"a backslash on 4.x cannot be addressed", `back\slash`, "8.0.0-ccs", "", "Kafka 4.0", "Kafka 4.0"},
		{"a slash on 3.9 is sent", "a/b", "3.9.0", "a%2Fb", "", ""},
		{"a percent sign on 3.9 is sent", "50%", "3.9.0", "50%25", "", ""},
		{"a backslash on 3.9 is sent", `back\slash`, "3.9.0", "back%5Cslash", "", ""},
		{"a literal %41 on 3.9 is decoded once more when forwarded: no writes", "a%41b", "3.9.0", "a%2541b", "", "another one"},
		{"a literal %41 on an unknown version: no writes", "a%41b", "", "a%2541b", "", "another one"},
		{"a semicolon is cut when forwarded: no writes", "semi;colon", "4.0.0", "semi%3Bcolon", "", "another one"},
		{"a semicolon on 3.9", "semi;colon", "3.9.0", "semi%3Bcolon", "", "another one"},
		{"a name that is the path of another's offsets", "a/offsets", "3.9.0", "a%2Foffsets", "", "another one"},
		{"a name that is the path of another's task", "a/tasks/0", "3.9.0", "a%2Ftasks%2F0", "", "another one"},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			s := serve(t, row.version, func(_ int, w http.ResponseWriter, r *http.Request) {
				if r.Method == http.MethodGet {
					write(w, 200, "", statusJSON)
					return
				}
				w.WriteHeader(http.StatusNoContent)
			})
			c := client(t, s.URL)
			_, readErr := c.GetStatus(t.Context(), row.name)
			_, restartErr := c.Restart(t.Context(), row.name, connect.RestartOptions{})
			pauseErr := c.Pause(t.Context(), row.name)
			forwarded := map[string]error{
				"delete": c.DeleteConnector(t.Context(), row.name), "restart": restartErr, "stop": c.Stop(t.Context(), row.name),
				"task": c.RestartTask(t.Context(), connect.TaskID{Connector: row.name}),
			}
			if row.readFails == "" {
				require.NoError(t, readErr)
				require.NoError(t, pauseErr, "pause is never forwarded")
				paths := map[string]bool{}
				for _, r := range s.requests() {
					if strings.HasPrefix(r.path, "/connectors/") {
						paths[strings.Split(r.path, "/")[2]] = true
					}
				}
				assert.Equal(t, map[string]bool{row.path: true}, paths, "one encoded segment")
			} else {
				for _, err := range []error{readErr, pauseErr} {
					require.ErrorIs(t, err, connect.ErrUnsupported)
					assert.Contains(t, err.Error(), row.readFails)
				}
			}
			for what, err := range forwarded {
				if row.writeFails == "" {
					require.NoError(t, err, what)
					continue
				}
				require.Error(t, err, what)
				assert.Contains(t, err.Error(), row.writeFails, what)
				assert.Equal(t, connect.AppliedNo, asError(t, err).Applied)
			}
			if row.writeFails != "" {
				for _, r := range s.requests() {
					assert.True(t, r.method == http.MethodGet || strings.HasSuffix(r.path, "/pause"), "%s %s must not be sent", r.method, r.path)
				}
			}
			if row.readFails == "" && row.writeFails != "" {
				require.NoError(t, client(t, s.URL, connect.WithMisdirectingNames()).DeleteConnector(t.Context(), row.name), "the caller has opted in")
				all := s.requests()
				assert.Equal(t, http.MethodDelete, all[len(all)-1].method)
			}
		})
	}
}
