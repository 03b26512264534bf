package connecttest

import (
	"net/http"
	"strconv"
	"strings"
)

// credentials are those of the basic-auth extension.
type credentials struct{ user, password string }

// RequireBasicAuth puts the basic-auth extension in front of the workers: every endpoint but the internal ones answers
// 401 to anybody else, before it reads the body. The answer is the bare text under the type application/json, without
// WWW-Authenticate, as the real one is; basic credentials that are not base64 are a 500. Calling it again changes the password; an empty user lets everybody in.
func (s *Server) RequireBasicAuth(user, password string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.auth = nil
	if user != "" {
		s.auth = &credentials{user, password}
	}
}

func (s *Server) authenticate(rq *request, e *endpoint) *reply {
	s.mu.Lock()
	want := s.auth
	s.mu.Unlock()
	if want == nil || e.internal {
		return nil
	}
	if user, password, ok := rq.http.BasicAuth(); ok && user == want.user && password == want.password {
		return nil
	}
	if scheme, coded, _ := strings.Cut(rq.http.Header.Get("Authorization"), " "); strings.EqualFold(scheme, "basic") {
		if i := strings.IndexFunc(coded, notBase64); i >= 0 {
			refusal := refuse(http.StatusInternalServerError, "Illegal base64 character "+strconv.FormatInt(int64(coded[i]), 16))
			return &refusal
		}
	}
	return &reply{status: http.StatusUnauthorized, kind: contentJSON, raw: "User cannot access the resource."}
}

func notBase64(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '+' && r != '/' && r != '='
}

// unsigned is the internal endpoints' answer to anybody who is not a worker.
func (s *Server) unsigned(*request) reply {
	return refuse(http.StatusBadRequest, "Internal request missing required signature")
}
