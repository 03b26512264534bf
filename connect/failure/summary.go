package failure

import (
	"bytes"
	"fmt"
	"strings"
)

// placeholders are what a summary can name, each with the words it follows in a message. The first that finds a name decides.
var placeholders = map[string][]string{
	"host": {
		"onnection to ", "onnect to server ", "onnect to ", "onnecting to ", "fail to connect to ", "ost name '", "hostname ", "host name ", "host '", "host \"", "host: ", "to host ", "host ", "on server ", "server '", "server: ",
		"UnknownHostException: ", "node ", "://", "ndpoint: ",
	},
	"topic": {
		"topics: [", "topics [", "topic '", "topic \"", "Topic '", "topic=", "topic: ", "from the '", "Topic ", "topic(s) ", "topic-partition ", "partition ", "topic ",
	},
	"table": {
		"table \"", "TABLE \"", "table `", "table '", "Table \"", "Table `", "Table '", "relation \"", "relation '", "table: ", "Table: ", "into table ", "for table ", "of table ", "on table ", "object '", "Object '", "object name '",
		"ollection: ", "collection '", "ollection ", "\"index\":\"", "index [", "index: ", "index ", "INSERT INTO ", "insert into ", "view ", "able ", "stream ",
	},
	"subject": {"subject \"", "subject '", "Subject '", "subject: ", "subject=", "subject ", "Subject ", "rtifact "},
	"field": {
		"column \"", "column '", "column `", "Column '", "column [", "field \"", "field '", "Field '", "field [", "field `", "nknown field: ", "Field does not exist: ", "field: ", "missing field ", "field name ", "field ", "column: ", "column name ", "for column ", "column ",
		"Column ", "property \"", "path: ", "ttribute ",
	},
	"setting": {
		"configuration \"", "configuration '", "for configuration ", "configuration: ", "The '", "property '", "property \"", "option '", "parameter '", "config '", "setting '", "Missing required configuration ", "configuration ", "'", "\"",
	},
	"user": {"user '", "user \"", "User '", "role \"", "userName='", "login '", "user: ", "username ", "principal: ", "rincipal ", "user ", "User "},
	"object": {
		"denied for table ", "denied for relation ", "denied for schema ", "denied for database ", "denied for sequence ", "denied for view ", "denied for function ", "owner of table ", "owner of relation ", "policy for table ", "on table ", "the object '",
		"replication slot \"", "slot \"", "publication \"", "database \"", "database '", "atabase '", "schema \"", "function ", "'", "bucket: ", "bucket ", "Bucket ", "group: ", "roup ", "queue manager '", "destination '", "queue '",
		"principal ", "warehouse '", "dataset ", "roject ", "file: ", "file ", "ask: ", "worker: ", "connector ", "on resource: ", "resource: ", "\"",
	},
	"class": {"name matches ", "driver found for ", "Class ", "class ", "find class ", "lookup ", ""},
	// The first line of the message that decided, redacted.
	"message": nil,
}

// checkTemplate says what is wrong with a summary.
func checkTemplate(s string) error {
	if len(s) > maxText/2 {
		return fmt.Errorf("has %d bytes: at most %d", len(s), maxText/2)
	}
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '[':
			depth++
		case ']':
			depth--
		case '{':
			j := strings.IndexByte(s[i:], '}')
			if j < 0 {
				return fmt.Errorf("%q has an open brace", s)
			}
			if _, ok := placeholders[s[i+1:i+j]]; !ok {
				return fmt.Errorf("%q is no placeholder: use host, topic, table, subject, field, setting, user, object, class or message", s[i:i+j+1])
			}
			i += j
		}
		if depth < 0 || depth > 1 {
			return fmt.Errorf("%q has square brackets that do not match", s)
		}
	}
	if depth != 0 {
		return fmt.Errorf("%q has square brackets that do not match", s)
	}
	return nil
}

// appendSummary renders the sentence of a rule, or returns it whole where there is nothing to fill in.
func appendSummary(b []byte, r *rule, t Trace, at int, message []byte) (out []byte, whole string) {
	template := r.Summary
	if template == "" {
		template = classSummary(r.Class)
	}
	if strings.IndexByte(template, '{') < 0 && strings.IndexByte(template, '[') < 0 {
		return b, template
	}
	start := len(b)
	names := names{t: t, of: -1}
	mark, missing := -1, false // where an optional part begins, and whether it names what is not there
	for i := 0; i < len(template); i++ {
		switch c := template[i]; c {
		case '[':
			mark, missing = len(b), false
		case ']':
			if missing && mark >= 0 {
				b = b[:mark]
			}
			mark = -1
		case '{':
			j := strings.IndexByte(template[i:], '}')
			if j < 0 {
				return b[:start], template
			}
			kind := template[i+1 : i+j]
			if kind == "message" {
				line := firstLine(message)
				missing = missing || len(line) == 0
				if len(line) > maxName || bytes.IndexFunc(line, unprintable) >= 0 {
					b = append(b, clean(string(line), maxName)...)
				} else {
					b = append(b, line...)
				}
				i += j
				continue
			}
			name := names.find(kind, at)
			if name == "" {
				missing = true
			}
			b = append(b, clean(name, maxName)...)
			i += j
		default:
			b = append(b, c)
		}
	}
	return b, ""
}

const maxName = 240

// firstLine is the first line of a redacted message that says something, without the full stop.
func firstLine(message []byte) []byte {
	line, rest, _ := bytes.Cut(bytes.TrimLeft(message, " \t\r\n"), []byte("\n"))
	for len(bytes.TrimSpace(rest)) > 0 && bytes.HasSuffix(bytes.TrimSpace(line), []byte(":")) { // a heading: the next line says it
		var next []byte
		next, rest, _ = bytes.Cut(rest, []byte("\n"))
		line = append(append(bytes.TrimRight(bytes.Clone(line), " \t\r"), ' '), bytes.TrimSpace(next)...)
		if len(line) > maxName {
			break
		}
	}
	return bytes.TrimRight(line, " .:,\t\r")
}

func classSummary(c Class) string {
	switch c {
	case ClassConnection:
		return "The other side[ {host}] cannot be reached."
	case ClassTimeout:
		return "The other side[ {host}] did not answer in time."
	case ClassAuthentication:
		return "The other side refused the credentials[ of {user}]."
	case ClassAuthorization:
		return "The connector lacks a permission[ on {table}]."
	case ClassTLS:
		return "The TLS handshake[ with {host}] failed."
	case ClassSchemaRegistry:
		return "The schema registry refused or could not answer[ for {subject}]."
	case ClassSerialization:
		return "A record does not fit the converter, the transformation or the sink[: field {field}]."
	case ClassDataConstraint:
		return "The target refuses a record[ for {table}]."
	case ClassResource:
		return "A limit of memory, disk, size or quota was reached."
	case ClassConfiguration:
		return "The configuration is wrong[: {setting}]."
	case ClassSourceState:
		return "The position to read on from is gone."
	case ClassRebalance:
		return "The consumer group moved on without this task."
	case ClassUnknown:
	}
	return "The trace does not show the cause."
}

// maxNameSearch bounds how much of a message is searched for a name.
const maxNameSearch = 4096

// find looks for a name in the exception that decided, then below it, then above.
func (f *names) find(kind string, at int) string {
	if name := f.in(kind, at); name != "" {
		return name
	}
	for i := at + 1; i < len(f.t.Chain); i++ {
		if name := f.in(kind, i); name != "" {
			return name
		}
	}
	for i := at - 1; i >= 0; i-- {
		if name := f.in(kind, i); name != "" {
			return name
		}
	}
	return ""
}

// in looks for a name in one exception.
func (f *names) in(kind string, at int) string {
	e := &f.t.Chain[at]
	m := e.Message
	if m == "" {
		return ""
	}
	if from, to := statement(m); to > from {
		if kind == "table" { // the statement names it before the first value
			head := m[from:min(from+300, to)]
			for _, verb := range [...]string{"INSERT INTO ", "UPDATE ", "MERGE INTO ", "DELETE FROM "} {
				if i := strings.Index(head, verb); i >= 0 && i < 8 {
					if name := readName(strings.ReplaceAll(head[i+len(verb):], `"`, ""), kind); name != "" {
						return name
					}
				}
			}
		}
		m = m[to:]
	}
	if len(m) > maxNameSearch {
		m = m[:maxNameSearch]
	}
	if m == "" {
		return ""
	}
	if kind == "object" && m[0] == '/' {
		return readName(m, kind)
	}
	if kind == "host" {
		if strings.HasSuffix(e.Class, "UnknownHostException") {
			return readName(m, kind)
		}
		if name := address(m); name != "" {
			return name
		}
	}
	if f.of != at {
		f.of = at
		f.look(m)
	}
	keys := nameKeys()[kind]
	for k := range keys {
		after := keys[k].text
		if !f.mayHold(keys[k].pairs) {
			continue
		}
		for from := 0; ; {
			i := strings.Index(m[from:], after)
			if i < 0 {
				break
			}
			from += i + len(after)
			if name := quotedOrWord(m[from:], after, kind); name != "" {
				return name
			}
			if after == "" {
				break
			}
		}
	}
	return ""
}

// quotedOrWord reads the name that begins s; after tells by its last character whether it is quoted.
func quotedOrWord(s, after, kind string) string {
	if after != "" {
		q := after[len(after)-1]
		switch q {
		case '"', '\'', '`', '[':
			if q == '[' {
				q = ']'
			}
			i := strings.IndexByte(s, q)
			if i <= 0 || i > 160 {
				return ""
			}
			name := s[:i]
			if q == '`' && strings.HasPrefix(s[i:], "`.`") { // `db`.`table`
				if j := strings.IndexByte(s[i+3:], '`'); j > 0 && j < 160 {
					return name + "." + s[i+3:i+3+j]
				}
			}
			if stopWords[name] || strings.ContainsAny(name, " \t\r\n{}") && kind != "class" {
				return ""
			}
			return name
		}
	}
	if after == "name matches " {
		return readName(s, "setting") // whatever was asked for, a class or not
	}
	return readName(s, kind)
}

// readName reads an unquoted or newly quoted name from the beginning of s.
func readName(s, kind string) string {
	s = strings.TrimLeft(s, " '\"`[(")
	i := 0
	for i < len(s) && i < 200 && nameByte(s[i], kind) {
		i++
	}
	name := strings.Trim(s[:i], ".:,-/")
	if j := strings.Index(name, "://"); j > 0 && kind == "class" { // the rest of a URL may hold a password
		name = name[:j]
	}
	if kind == "object" && i > 0 && s[0] == '/' {
		name = "/" + name // a path
	}
	if name == "" || i < len(s) && s[i] >= 0x80 || stopWords[name] || stopWords[strings.ToLower(name)] {
		return ""
	}
	if kind == "host" && !strings.ContainsAny(name, ".:-0123456789") && len(name) < 3 {
		return ""
	}
	if kind == "class" && !strings.ContainsAny(name, "./$") && !strings.HasPrefix(name, "jdbc:") {
		return ""
	}
	return name
}

func nameByte(c byte, kind string) bool {
	if isAlnum(c) {
		return true
	}
	switch c {
	case '.', '_', '-', '$', '#':
		return true
	case ':', '/':
		return kind == "host" || kind == "class" || kind == "object"
	}
	return false
}

// stopWords follow a key without being a name.
var stopWords = func() map[string]bool {
	words := map[string]bool{}
	for w := range strings.FieldsSeq(`a an the is are was were be been does do did has have had not no and or of on in to for with from by at as
		it its this that which type types name names schema value values data error errors exception failed failure missing exists exist
		cannot can could must should may null there only row rows key keys mapping count level may position mode default defaults closed
		refused reset timed attempt server host node table column field topic user database index mapping because when while if within
		dropped length size limit required found already after before between during be empty partition partitions connection
		violates constraint named id identifier metadata offset offsets record records access alias names without into using queue any one service broker overflow extraction insertion copying invalid permission error fatal detail hint caused by`) {
		words[w] = true
	}
	return words
}()

// address finds a host with a port, or the authority of a URL.
func address(m string) string {
	if i := strings.Index(m, "://"); i > 0 {
		s := m[i+3:]
		end := strings.IndexFunc(s, func(r rune) bool {
			return r == '/' || r == ' ' || r == ',' || r == '\'' || r == '"' || r == ')' || r == ']' || r == ';' || r == '?' || r == '\n' || r == '<'
		})
		if end < 0 {
			end = len(s)
		}
		s = s[:end]
		s = s[strings.LastIndexByte(s, '@')+1:]
		if len(s) > 0 && len(s) < 200 {
			return strings.TrimRight(s, ".:")
		}
	}
	for from := 0; ; {
		i := strings.IndexByte(m[from:], ':')
		if i < 0 {
			return ""
		}
		i += from
		from = i + 1
		j := i + 1
		for j < len(m) && m[j] >= '0' && m[j] <= '9' {
			j++
		}
		if j-i < 3 || j-i > 6 || j < len(m) && (isAlnum(m[j]) || m[j] == ':' || m[j] == '.' && j+1 < len(m) && isAlnum(m[j+1])) {
			continue
		}
		k := i
		for k > 0 && (isAlnum(m[k-1]) || m[k-1] == '.' || m[k-1] == '-' || m[k-1] == '_') {
			k--
		}
		host := m[k:i]
		if host == "" || strings.HasSuffix(host, ".java") || allDigits([]byte(host)) {
			continue
		}
		return m[k:j]
	}
}
