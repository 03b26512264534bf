package errtolerance

import "strings"

// realErrorsKeys are Connect's own, in the order of the documentation.
var realErrorsKeys = [...]string{
	KeyTolerance, KeyRetryTimeout, KeyRetryDelayMax, KeyLogEnable, KeyLogIncludeMessages, KeyDLQTopic, KeyDLQReplication, KeyDLQContextHeaders,
}

// draftKey is a key that no released Connect has.
type draftKey struct{ nearest, reason string }

// draftKeys come from drafts of KIP-298, from Kafka Streams, or from other systems.
var draftKeys = map[string]draftKey{
	"errors.deadletterqueue.enable":                     {KeyDLQTopic, "a draft of KIP-298; the queue is on when its name is set"},
	"errors.deadletterqueue.topic.partitions":           {"", "a draft of KIP-298; the worker creates one partition: create the topic yourself for more"},
	"errors.deadletterqueue.partitions":                 {"", "the worker creates one partition: create the topic yourself for more"},
	"errors.deadletterqueue.topic.retention.ms":         {"", "the worker sets no topic configuration: create the topic yourself"},
	"errors.deadletterqueue.include.configs":            {KeyDLQContextHeaders, "a draft of KIP-298"},
	"errors.deadletterqueue.include.messages":           {KeyDLQContextHeaders, "a draft of KIP-298; the message itself is the dead letter"},
	"errors.deadletterqueue.topic":                      {KeyDLQTopic, "the key ends in .name"},
	"errors.deadletterqueue.name":                       {KeyDLQTopic, "the key is errors.deadletterqueue.topic.name"},
	"errors.dlq.enable":                                 {KeyDLQTopic, "a draft of KIP-298; the queue is on when its name is set"},
	"errors.dlq.topic.name":                             {KeyDLQTopic, "a draft of KIP-298"},
	"errors.dlq.topic":                                  {KeyDLQTopic, "a draft of KIP-298"},
	"errors.dlq.topic.partitions":                       {"", "a draft of KIP-298; the worker creates one partition"},
	"errors.dlq.topic.replication.factor":               {KeyDLQReplication, "a draft of KIP-298"},
	"errors.dlq.include.configs":                        {KeyDLQContextHeaders, "a draft of KIP-298"},
	"errors.dlq.include.messages":                       {KeyDLQContextHeaders, "a draft of KIP-298"},
	"errors.dead.letter.queue.topic.name":               {KeyDLQTopic, "Kafka Streams' spelling (KIP-1034)"},
	"errors.dead.letter.queue.enable":                   {KeyDLQTopic, "the queue is on when its name is set"},
	"errors.dead.letter.queue.topic.replication.factor": {KeyDLQReplication, "spelt as in Kafka Streams"},
	"errors.dead.letter.queue.context.headers.enable":   {KeyDLQContextHeaders, "spelt as in Kafka Streams"},
	"errors.deadletterqueue.auto.create.topics.enable":  {"", "a broker setting of share groups (KIP-1191)"},
	"errors.deadletterqueue.copy.record.enable":         {"", "a setting of share groups (KIP-1191)"},
	"errors.max.retries":                                {KeyRetryTimeout, "Debezium's connectors have it; Connect limits retries by time"},
	"errors.retry.max.attempts":                         {KeyRetryTimeout, "Connect limits retries by time, not by number"},
	"errors.retries.limit":                              {KeyRetryTimeout, "a draft of KIP-298; Connect limits retries by time"},
	"errors.retries.delay.max.ms":                       {KeyRetryDelayMax, "a draft of KIP-298"},
	"errors.retry.backoff.ms":                           {KeyRetryDelayMax, "the waits begin at 300 ms and double"},
	"errors.retry.delay.initial.ms":                     {KeyRetryDelayMax, "Debezium Engine's; the waits begin at 300 ms and double"},
	"errors.tolerance.limit":                            {KeyTolerance, "a draft of KIP-298"},
	"errors.tolerance.rate.limit":                       {KeyTolerance, "a draft of KIP-298"},
	"errors.tolerance.rate.duration":                    {KeyTolerance, "a draft of KIP-298"},
	"errors.allowed.max":                                {KeyTolerance, "a draft of KIP-298"},
	"errors.allowed.rate.limit":                         {KeyTolerance, "a draft of KIP-298"},
	"errors.allowed.rate.duration":                      {KeyTolerance, "a draft of KIP-298"},
	"errors.log.include.configs":                        {KeyLogIncludeMessages, "a draft of KIP-298"},
	"errors.logs.enable":                                {KeyLogEnable, "misspelt"},
}

// draftPrefixes catch the rest of those families.
var draftPrefixes = [...]struct {
	prefix string
	draftKey
}{
	{"errors.deadletterqueue.producer.", draftKey{"", "a draft of KIP-298; it is producer.override.<setting>"}},
	{"errors.deadletterqueue.admin.", draftKey{"", "it is admin.override.<setting>"}},
	{"errors.deadletterqueue.", draftKey{"", "Connect has topic.name, topic.replication.factor and context.headers.enable there"}},
	{"errors.dlq.", draftKey{"", "a draft of KIP-298; the keys are errors.deadletterqueue.*"}},
	{"errors.dead.letter.queue.", draftKey{"", "spelt as in Kafka Streams; the keys are errors.deadletterqueue.*"}},
	{"errors.log.", draftKey{"", "Connect has errors.log.enable and errors.log.include.messages"}},
	{"errors.retry.", draftKey{"", "Connect has errors.retry.timeout and errors.retry.delay.max.ms"}},
}

// errorsKey judges a key that looks like error handling and is none of the eight.
func (s *subject) errorsKey(key string) {
	if s.info.family.ownErrorKey(key) {
		return
	}
	if d, ok := draftKeys[key]; ok {
		s.imaginary(key, d)
		return
	}
	if nearest := nearestErrorsKey(key); nearest != "" {
		fix := "write " + nearest
		if _, ok := s.cfg[nearest]; ok {
			fix = "remove it, " + nearest + " is set as well"
		}
		s.addAt(s.unlessOwn(SeverityWarning), "ET201", key, "Kafka has no such key and ignores it: "+nearest+" is the nearest", fix)
		return
	}
	if !strings.HasPrefix(key, "errors.") {
		return // error.path, error.topic and the like belong to connectors
	}
	for i := range draftPrefixes {
		if strings.HasPrefix(key, draftPrefixes[i].prefix) {
			d := draftPrefixes[i].draftKey
			if i > 1 {
				d.nearest = wordNearest(key)
			}
			s.imaginary(key, d)
			return
		}
	}
	// Nothing of Connect's looks like it: a connector that is not in the tables may well define it.
	sev := SeverityInfo
	if s.info.known && s.info.family != familyOther && s.info.family != familyCloud {
		sev = SeverityWarning
	}
	s.addAt(sev, "ET202", key, "not a key of Connect, which ignores it, unless the connector defines it", "check the connector's documentation")
}

// unlessOwn drops a level for connectors that are known to read errors.* keys of their own spelling.
func (s *subject) unlessOwn(sev Severity) Severity {
	if s.info.family == familyAdobe || s.info.family == familyKusto {
		return SeverityInfo
	}
	return sev
}

func (s *subject) imaginary(key string, d draftKey) {
	message := "Connect has no such key and ignores it: " + d.reason
	fix := "remove it"
	if d.nearest != "" {
		fix = "write " + d.nearest
		if _, ok := s.cfg[d.nearest]; ok {
			fix = "remove it, " + d.nearest + " is set as well"
		}
	}
	s.addAt(s.unlessOwn(SeverityWarning), "ET202", key, message, fix)
}

// nearestErrorsKey returns the real key that was probably meant, or "".
func nearestErrorsKey(key string) string {
	// errors_tolerance, Errors.Tolerance, errors-tolerance: the same letters.
	folded := fold(key)
	for _, known := range realErrorsKeys {
		if folded == fold(known) || "errors."+key == known || "errors"+folded == fold(known) {
			return known
		}
	}
	best, distance := "", 99
	for _, known := range realErrorsKeys {
		if d := editDistance(key, known, 6); d < distance {
			best, distance = known, d
		}
	}
	// A missing or an extra word end (.ms, s, .name) is three or four letters; anything more is another key.
	limit := 2
	if strings.HasPrefix(key, "errors.") {
		limit = 4
	}
	if distance > limit || distance*5 > len(key) {
		return ""
	}
	return best
}

func fold(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		case r == '.' || r == '_' || r == '-' || r == ' ':
			return -1
		}
		return r
	}, s)
}

// editDistance is Levenshtein's with transpositions, cut off at limit.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit || len(a) > 128 {
		return limit + 1
	}
	var rows [3][130]int
	for j := range len(b) + 1 {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur, prev, before := &rows[i%3], &rows[(i-1)%3], &rows[(i+1)%3]
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}

// wordNearest picks the key of the same family that shares its telling word.
func wordNearest(key string) string {
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(key, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("partition", "retention", "cleanup"):
		return ""
	case has("header"):
		return KeyDLQContextHeaders
	case has("replica"):
		return KeyDLQReplication
	case has("topic", ".name"):
		return KeyDLQTopic
	case has("include", "message", "record"):
		return KeyLogIncludeMessages
	case has("delay", "backoff"):
		return KeyRetryDelayMax
	case has("timeout", "retr"):
		return KeyRetryTimeout
	case has(".log"):
		return KeyLogEnable
	}
	return ""
}
