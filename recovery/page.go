package recovery

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// HandlerOptions tunes Handler. Its zero value shows everything and changes nothing.
type HandlerOptions struct {
	// AllowAcknowledge offers a button, and accepts its POST. The handler knows no users: put it behind something that does. Defaults to off.
	AllowAcknowledge bool
}

// Status is the JSON that Handler serves.
type Status struct {
	Cluster    string            `json:"cluster,omitempty"`
	Time       time.Time         `json:"time"`
	Stats      Stats             `json:"stats"`
	Connectors []ConnectorHealth `json:"connectors"`
}

// Handler serves what the supervisor knows: GET / as a plain HTML page or, when JSON is asked for (Accept, or ?format=json), as Status;
// GET /healthz is 200 while sweeps work, or while another supervisor leads, and 503 when there was none for three intervals; POST /acknowledge (connector or fingerprint) only with
// AllowAcknowledge, from its own page: the form's token and the request's origin are checked. Bind it to 127.0.0.1 unless something in front asks who is there.
func (s *Supervisor) Handler(opts HandlerOptions) http.Handler {
	var key [32]byte
	_, _ = rand.Read(key[:]) // never fails since Go 1.24
	h := &handler{s: s, opts: opts, key: key[:]}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", h.show)
	mux.HandleFunc("GET /healthz", h.healthz)
	mux.HandleFunc("POST /acknowledge", h.acknowledge)
	return secure(mux)
}

type handler struct {
	s    *Supervisor
	opts HandlerOptions
	key  []byte
}

func secure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (h *handler) show(w http.ResponseWriter, r *http.Request) {
	st := Status{Cluster: h.s.cfg.Cluster, Time: time.Now().UTC(), Stats: h.s.Stats(), Connectors: h.s.Snapshot()}
	if r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		body, err := json.Marshal(st)
		if err != nil {
			http.Error(w, "the status cannot be written", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(append(body, '\n'))
		return
	}
	var page bytes.Buffer
	err := pageTemplate.Execute(&page, struct {
		Status
		Ack   bool
		Token string
		Blind bool
	}{st, h.opts.AllowAcknowledge, h.token(st.Time), !h.s.seeing(st.Time)})
	if err != nil {
		http.Error(w, "the page cannot be written", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	_, _ = page.WriteTo(w)
}

func (h *handler) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if h.s.standby() {
		_, _ = w.Write([]byte("standby: another supervisor leads\n"))
		return
	}
	if !h.s.seeing(time.Now()) {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("no sweep has worked for a while\n"))
		return
	}
	_, _ = w.Write([]byte("ok\n"))
}

// standby reports whether Run waits for the lead.
func (s *Supervisor) standby() bool {
	return s.cfg.Elector != nil && s.running.Load() && !s.leading.Load()
}

// seeing reports whether a sweep has worked lately.
func (s *Supervisor) seeing(now time.Time) bool {
	s.view.RLock()
	defer s.view.RUnlock()
	return !s.stats.LastSweep.IsZero() && now.Sub(s.stats.LastSweep) <= 3*s.cfg.Interval+s.cfg.RequestTimeout
}

// tokenFor is how long a page's button works, at least.
const tokenFor = time.Hour

// token proves that a form came from a page of this handler.
func (h *handler) token(now time.Time) string {
	m := hmac.New(sha256.New, h.key)
	_, _ = m.Write([]byte(now.UTC().Truncate(tokenFor).Format(time.RFC3339)))
	return hex.EncodeToString(m.Sum(nil))
}

func (h *handler) acknowledge(w http.ResponseWriter, r *http.Request) {
	if !h.opts.AllowAcknowledge {
		http.Error(w, "acknowledging is switched off here", http.StatusForbidden)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		http.Error(w, "the form cannot be read", http.StatusBadRequest)
		return
	}
	now := time.Now()
	token := []byte(r.PostForm.Get("token"))
	if !hmac.Equal(token, []byte(h.token(now))) && !hmac.Equal(token, []byte(h.token(now.Add(-tokenFor)))) || !sameOrigin(r) {
		http.Error(w, "this did not come from the page; load it again", http.StatusForbidden)
		return
	}
	var err error
	switch name, fp := r.PostForm.Get("connector"), r.PostForm.Get("fingerprint"); {
	case name != "" && fp == "":
		err = h.s.Acknowledge(r.Context(), name)
	case fp != "" && name == "":
		err = h.s.AcknowledgeFingerprint(r.Context(), fp)
	default:
		err = errors.New("name either a connector or a fingerprint")
	}
	if err != nil {
		http.Error(w, redacted(err), http.StatusUnprocessableEntity)
		return
	}
	http.Redirect(w, r, "./", http.StatusSeeOther)
}

// sameOrigin refuses what a browser says comes from elsewhere.
func sameOrigin(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true // no browser sends a cross-site POST without it
	}
	u, err := url.Parse(origin)
	return err == nil && u.Host == r.Host
}

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"when": func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.UTC().Format("2006-01-02 15:04:05")
	},
	"budget": func(n int) any {
		if n < 0 {
			return "unlimited"
		}
		return n
	},
}).Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Kafka Connect{{with .Cluster}} {{.}}{{end}}</title>
<style>
body{font:14px/1.4 system-ui,sans-serif;margin:2em;color:#222}
table{border-collapse:collapse}
th,td{text-align:left;vertical-align:top;padding:.3em .8em .3em 0;border-bottom:1px solid #ddd}
.healthy,.paused{color:#2a6}.held,.exhausted{color:#b00;font-weight:bold}.suspect,.waiting,.backoff,.restarting,.verifying,.unknown{color:#a60}
.blind{background:#b00;color:#fff;padding:.5em 1em}
</style></head><body>
<h1>Kafka Connect{{with .Cluster}} {{.}}{{end}}</h1>
{{if .Blind}}<p class="blind">No sweep has worked for a while. {{.Stats.LastError}}</p>{{end}}
<p>{{.Stats.Connectors}} connectors{{range $phase, $n := .Stats.Phases}}, {{$n}} {{$phase}}{{end}}. Last sweep {{when .Stats.LastSweep}} UTC.
{{.Stats.Restarts}} restarts and {{.Stats.Probes}} probes since the start, {{.Stats.Recovered}} recovered, {{.Stats.Relapsed}} relapsed.</p>
<table>
<tr><th>Connector</th><th>Phase</th><th>Since (UTC)</th><th>Tasks</th><th>Cause</th><th>Remedy</th><th>Restarts left</th><th>Next attempt (UTC)</th>{{if .Ack}}<th></th>{{end}}</tr>
{{range .Connectors}}<tr>
<td>{{.Name}}</td><td class="{{.Phase}}" title="{{.Why}}">{{.Phase}}</td><td>{{when .Since}}</td><td>{{.Running}}/{{.Tasks}}</td>
<td>{{with .Class}}{{.}}: {{end}}{{.Summary}}</td><td>{{range .Remedies}}{{.}}<br>{{end}}</td><td>{{budget .BudgetLeft}}</td><td>{{when .NextAttempt}}</td>
{{if $.Ack}}<td>{{if or (eq .Phase "held") (eq .Phase "exhausted")}}<form method="post" action="acknowledge"><input type="hidden" name="token" value="{{$.Token}}"><input type="hidden" name="connector" value="{{.Name}}"><button>Acknowledge</button></form>{{end}}</td>{{end}}
</tr>
{{end}}</table>
</body></html>
`))
