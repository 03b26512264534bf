package connecttest

import (
	"fmt"
	"html"
	"net/http"
	"strings"
)

// checkURI is Jetty's reading of the path. Jetty 12 (Kafka 4.0 on) refuses what it calls ambiguous before Connect sees
// it, with its own page, or without any body where the method is PUT or PATCH. Jetty 9.4 lets it all through.
func (s *Server) checkURI(method, path string) *reply {
	if !s.version.atLeast(4, 0) {
		return nil
	}
	reason := ambiguity(path)
	if reason == "" {
		return nil
	}
	var bad reply
	if method == http.MethodGet || method == http.MethodPost || method == http.MethodHead {
		bad = jettyPage(s.version, http.StatusBadRequest, reason, "/badURI")
	} else {
		bad = empty(http.StatusBadRequest)
	}
	return &bad
}

func ambiguity(path string) string {
	lower := strings.ToLower(path)
	switch {
	case strings.Contains(lower, "%2f"):
		return "Ambiguous URI path separator"
	case strings.Contains(lower, "%25"):
		return "Ambiguous URI path encoding"
	case strings.Contains(lower, "%5c") || strings.Contains(path, "\\") || hasControl(lower):
		return "Suspicious Path Character"
	case strings.Contains(path, "//"):
		return "Ambiguous URI empty segment"
	}
	for segment := range strings.SplitSeq(lower, "/") {
		name, params, matrix := strings.Cut(segment, ";")
		plain := strings.ReplaceAll(name, "%2e", ".")
		if name != plain && (plain == "." || plain == "..") {
			return "Ambiguous URI path segment"
		}
		if matrix && (name == "." || name == "..") && params != "" {
			return "Ambiguous URI path parameter"
		}
	}
	return ""
}

// hasControl finds an encoded control character in a lower-case path.
func hasControl(path string) bool {
	for i := 0; i+2 < len(path); i++ {
		if path[i] == '%' && (path[i+1] == '0' || path[i+1] == '1' || path[i+1:i+3] == "7f") {
			return true
		}
	}
	return false
}

// jettyPage is an error page of Jetty itself: HTML, not Connect's JSON.
func jettyPage(v apiVersion, status int, reason, uri string) reply {
	product := `<a href="https://jetty.org/">Powered by Jetty:// 12.0.15</a>`
	if !v.atLeast(4, 0) {
		product = `<a href="https://eclipse.org/jetty">Powered by Jetty:// 9.4.56.v20240826</a>`
	}
	text := html.EscapeString(reason)
	return reply{
		status: status, kind: "text/html;charset=iso-8859-1",
		raw: fmt.Sprintf("<html>\n<head>\n<meta http-equiv=\"Content-Type\" content=\"text/html;charset=ISO-8859-1\"/>\n"+
			"<title>Error %d %s</title>\n</head>\n<body>\n<h2>HTTP ERROR %d %s</h2>\n<table>\n"+
			"<tr><th>URI:</th><td>%s</td></tr>\n<tr><th>STATUS:</th><td>%d</td></tr>\n<tr><th>MESSAGE:</th><td>%s</td></tr>\n"+
			"</table>\n<hr/>%s<hr/>\n\n</body>\n</html>\n", status, text, status, text, html.EscapeString(uri), status, text, product),
	}
}
