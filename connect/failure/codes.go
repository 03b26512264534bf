package failure

import (
	"fmt"
	"strconv"
	"strings"
)

// Codes that servers and drivers print are the surest sign there is, once it is clear whose code it is.
type codeKind uint8

const (
	codeHTTP codeKind = iota + 1
	codeSQLState
	codeVendor // `Error Code: 1045`: MySQL, MariaDB, SQL Server, Confluent Schema Registry
	codeOracle
	codeDB2
	codeMongo
	codeMQ
)

var codeNames = map[string]codeKind{
	"http": codeHTTP, "sqlstate": codeSQLState, "vendor": codeVendor, "ora": codeOracle, "db2": codeDB2, "mongo": codeMongo, "mq": codeMQ,
}

// codeTriggers are the texts a code follows.
var codeTriggers = []struct {
	text string
	kind codeKind
}{
	{"sqlstate", codeSQLState},
	{"sql state", codeSQLState},
	{"error code", codeVendor},
	{"errorcode", codeVendor},
	{"error_code", codeVendor},
	{"vendor code", codeVendor},
	{"vendorcode", codeVendor},
	{"error number", codeVendor},
	{"status code", codeHTTP},
	{"statuscode", codeHTTP},
	{"status-code", codeHTTP},
	{"status_code", codeHTTP},
	{"http/1.1", codeHTTP},
	{"http/1.0", codeHTTP},
	{"http/2", codeHTTP},
	{"response code", codeHTTP},
	{"responsecode", codeHTTP},
	{"http status", codeHTTP},
	{"httpstatus", codeHTTP},
	{"http error", codeHTTP},
	{"http code", codeHTTP},
	{"httpcode", codeHTTP},
	{"http response", codeHTTP},
	{"status=", codeHTTP},
	{"status:", codeHTTP},
	{"statusline=", codeHTTP},
	{"returned status", codeHTTP},
	{"response status", codeHTTP},
	{"code\":", codeHTTP},
	{"code\" :", codeHTTP},
	{"status\":", codeHTTP},
	{"http ", codeHTTP},
	{"returned code", codeHTTP},
	{"server returned", codeHTTP},
	{"ora-", codeOracle},
	{"sqlcode", codeDB2},
	{"failed with error", codeMongo},
	{"code=", codeMongo},
	{"reason '", codeMQ},
	{"reason code", codeMQ},
	{"rc=", codeMQ},
	{"mqrc", codeMQ},
	{"reason ", codeMQ},
}

// code is a printed code; an SQLState is its characters as digits to the base 37.
type code struct {
	kind codeKind
	n    int32
}

// badRequest is HTTP 400.
var badRequest = codeKey(codeHTTP, 400)

func codeKey(kind codeKind, n int32) code { return code{kind, n} }

// parseCode reads a code as the table writes it.
func parseCode(s string) (code, error) {
	name, num, ok := strings.Cut(s, " ")
	kind := codeNames[name]
	if !ok || kind == 0 {
		return code{}, fmt.Errorf("code %q: want one of http, sqlstate, vendor, ora, db2, mongo, mq and a value", s)
	}
	if kind == codeSQLState {
		n := int32(0)
		if len(num) != 2 && len(num) != 5 {
			return code{}, fmt.Errorf("code %q: an SQLState has five characters, its class two", s)
		}
		for i := range len(num) {
			n = n*37 + base36(num[i]) + 1
		}
		return codeKey(kind, n), nil
	}
	n, err := strconv.ParseInt(num, 10, 32)
	if err != nil {
		return code{}, fmt.Errorf("code %q: %w", s, err)
	}
	return codeKey(kind, int32(n)), nil
}

func base36(c byte) int32 {
	switch {
	case c >= '0' && c <= '9':
		return int32(c - '0')
	case c >= 'A' && c <= 'Z':
		return int32(c-'A') + 10
	}
	return -1
}

// readCodes reads the code that follows message[at] and returns its keys, most exact first.
func readCodes(kind codeKind, message string, at int) (keys [3]code, n int) {
	s := message[at:min(len(message), at+24)]
	if kind == codeSQLState {
		i := 0
		for i < len(s) && strings.IndexByte(" :=[('\"\t", s[i]) >= 0 {
			i++
		}
		if i == 0 || i+5 > len(s) || i+5 < len(s) && base36(s[i+5]) >= 0 {
			return keys, 0
		}
		full, class, digits := int32(0), int32(0), 0
		for j := range 5 {
			b := base36(s[i+j])
			if b < 0 {
				return keys, 0
			}
			if b < 10 {
				digits++
			}
			full = full*37 + b + 1
			if j == 1 {
				class = full
			}
		}
		if digits < 2 {
			return keys, 0
		}
		return [3]code{codeKey(kind, full), codeKey(kind, class)}, 2
	}
	i := 0
	switch kind {
	case codeOracle:
	case codeMongo:
		if strings.HasSuffix(message[:at], "code=") && !strings.Contains(message[:at], "rror{") && !strings.HasPrefix(message, "v=") {
			return keys, 0
		}
		i = skipTo(s)
	default:
		i = skipTo(s)
	}
	num, digits, neg := int32(0), 0, false
	if i < len(s) && s[i] == '-' {
		neg = true
		i++
	}
	for i < len(s) && s[i] >= '0' && s[i] <= '9' && digits < 8 {
		num = num*10 + int32(s[i]-'0')
		digits++
		i++
	}
	if digits == 0 || i < len(s) && (s[i] == '.' && i+1 < len(s) && s[i+1] >= '0' && s[i+1] <= '9' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= 'a' && s[i] <= 'z') {
		return keys, 0
	}
	if neg {
		num = -num
	}
	switch kind {
	case codeHTTP:
		if digits != 3 || num < 400 || num > 599 {
			return keys, 0
		}
	case codeVendor:
		keys[0] = codeKey(codeVendor, num)
		if digits == 3 && num >= 400 && num <= 599 {
			keys[1] = codeKey(codeHTTP, num)
			return keys, 2
		}
		return keys, 1
	case codeOracle:
		if digits < 3 {
			return keys, 0
		}
	case codeMQ:
		if digits != 4 || num < 2000 || num > 3100 {
			return keys, 0
		}
	case codeSQLState, codeDB2, codeMongo:
	}
	keys[0] = codeKey(kind, num)
	return keys, 1
}

// skipTo passes the punctuation between the name of a code and its value, and a few words such as `of` or `is`.
func skipTo(s string) int {
	i := 0
	for i < len(s) {
		switch c := s[i]; {
		case strings.IndexByte(" :=[]('\"\t<#", c) >= 0:
			i++
		case strings.HasPrefix(s[i:], "of "), strings.HasPrefix(s[i:], "is "):
			i += 3
		case strings.HasPrefix(s[i:], "code"):
			i += 4
		case c == 's' && i == 0: // `status codes`
			i++
		default:
			return i
		}
	}
	return i
}
