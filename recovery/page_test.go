package recovery_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/go-reconnect/reconnect/recovery"
)

func ask(h http.Handler, r *http.Request) (*httptest.ResponseRecorder, string) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w, w.Body.String()
}

func TestThePageShowsPhaseCauseAndRemedyAndEscapes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("<script>alert(1)</script>", 1).onRestart = always("password")
		w.fail("<script>alert(1)</script>", 0, "password")
		w.add("well", 1)
		g := newStage(t, w, recovery.Config{Diagnose: byText, Cluster: "blue"})
		h := g.s.Handler(recovery.HandlerOptions{})
		resp, _ := ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
		assert.Equal(t, http.StatusServiceUnavailable, resp.Code)
		g.run(10 * time.Minute)
		resp, body := ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		assert.Equal(t, http.StatusOK, resp.Code)
		assert.Contains(t, resp.Header().Get("Content-Security-Policy"), "default-src 'none'")
		assert.NotContains(t, body, "<script>")
		assert.Contains(t, body, "&lt;script&gt;")
		assert.Contains(t, body, "summary of password")
		assert.NotContains(t, body, "<button>", "off by default")
		_, body = ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/?format=json", nil))
		var st recovery.Status
		require.NoError(t, json.Unmarshal([]byte(body), &st))
		assert.Equal(t, "blue", st.Cluster)
		require.Len(t, st.Connectors, 2)
		assert.Equal(t, recovery.PhaseHeld, st.Connectors[0].Phase)
		assert.Equal(t, recovery.PhaseHealthy, st.Connectors[1].Phase)
		resp, _ = ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", nil))
		assert.Equal(t, http.StatusOK, resp.Code)
		resp, _ = ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/acknowledge", strings.NewReader("connector=x")))
		assert.Equal(t, http.StatusForbidden, resp.Code)
	})
}

func TestTheButtonIsGuarded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		w.add("a", 1)
		w.fail("a", 0, "password")
		g := newStage(t, w, recovery.Config{Diagnose: byText})
		g.run(10 * time.Minute)
		h := g.s.Handler(recovery.HandlerOptions{AllowAcknowledge: true})
		_, page := ask(h, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
		m := regexp.MustCompile(`name="token" value="([0-9a-f]+)"`).FindStringSubmatch(page)
		require.Len(t, m, 2)
		press := func(token, connector string, header map[string]string) int {
			form := url.Values{"token": {token}, "connector": {connector}}
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/acknowledge", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			for k, v := range header {
				r.Header.Set(k, v)
			}
			resp, _ := ask(h, r)
			return resp.Code
		}
		assert.Equal(t, http.StatusForbidden, press("", "a", nil))
		assert.Equal(t, http.StatusForbidden, press("deadbeef", "a", nil))
		assert.Equal(t, http.StatusForbidden, press(m[1], "a", map[string]string{"Origin": "https://evil.example"}))
		assert.Equal(t, http.StatusForbidden, press(m[1], "a", map[string]string{"Sec-Fetch-Site": "cross-site"}))
		assert.Equal(t, recovery.PhaseHeld, g.phase("a"))
		assert.Equal(t, http.StatusUnprocessableEntity, press(m[1], "nobody", nil))
		assert.Equal(t, http.StatusSeeOther, press(m[1], "a", map[string]string{"Origin": "http://example.com"}))
		assert.NotEqual(t, recovery.PhaseHeld, g.phase("a"))
		<-time.After(3 * time.Hour)
		assert.Equal(t, http.StatusForbidden, press(m[1], "a", nil), "a page of yesterday")
	})
}
