package reach

import (
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxEndpoints bounds what is asked for one connector.
const maxEndpoints = 16

// endpoints is a set of addresses of which one suffices: the nodes of one cluster.
type endpoints struct {
	key       string
	addresses []string
}

// ports of the schemes that connectors' URLs are written with, where the URL names none.
var ports = map[string]string{
	"http": "80", "https": "443", "mysql": "3306", "mariadb": "3306", "postgresql": "5432", "postgres": "5432", "sqlserver": "1433", "oracle": "1521",
	"db2": "50000", "mongodb": "27017", "redis": "6379", "rediss": "6379", "clickhouse": "8123", "ch": "8123", "amqp": "5672", "amqps": "5671", "neo4j": "7687", "bolt": "7687", "neo4j+s": "7687",
	"snowflake": "443", "as400": "446", "teradata": "1025", "hive2": "10000", "vertica": "5433", "redshift": "5439", "cassandra": "9042", "ldap": "389", "ldaps": "636", "sftp": "22", "ssh": "22",
	"ftp": "21", "tcp": "", "ssl": "", "tls": "", "mqtt": "1883", "mqtts": "8883", "nats": "4222", "pulsar": "6650", "pulsar+ssl": "6651", "hdfs": "8020", "cockroachdb": "26257", "firebird": "3050", "jtds": "1433",
	"sap": "30015", "influxdb": "8086",
}

// find reads the endpoints out of a config: URLs and JDBC URLs in any value, host:port lists in keys that end as bootstrap servers, hosts and
// contact points do, and host and port in two keys of one prefix. A value that refers to a config provider is no endpoint.
func find(config map[string]string) []endpoints {
	var out []endpoints
	add := func(key string, addresses []string) {
		if len(addresses) > 0 && len(out) < maxEndpoints {
			out = append(out, endpoints{key, addresses})
		}
	}
	keys := make([]string, 0, len(config))
	for k := range config {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, key := range keys {
		value := strings.TrimSpace(config[key])
		if value == "" || strings.Contains(value, "${") {
			continue
		}
		if list := fromURLs(value); len(list) > 0 {
			add(key, list)
			continue
		}
		if listKey(key) {
			add(key, fromList(value, ""))
			continue
		}
		if prefix, ok := strings.CutSuffix(key, "hostname"); ok {
			add(key, hostAndPort(config, prefix, value))
		} else if prefix, ok := strings.CutSuffix(key, "host"); ok && (prefix == "" || strings.HasSuffix(prefix, ".")) {
			add(key, hostAndPort(config, prefix, value))
		}
	}
	return out
}

func listKey(key string) bool {
	for _, end := range []string{"bootstrap.servers", "contact.points", "contactPoints", ".hosts", ".nodes", ".brokers", "redis.hosts", "seed.nodes"} {
		if key == strings.TrimPrefix(end, ".") || strings.HasSuffix(key, end) {
			return true
		}
	}
	return false
}

// hostAndPort joins a host and the port of the same prefix; without a port there is no endpoint.
func hostAndPort(config map[string]string, prefix, host string) []string {
	port := strings.TrimSpace(config[prefix+"port"])
	if !validPort(port) {
		return nil
	}
	return fromList(host, port)
}

func validPort(p string) bool {
	n, err := strconv.Atoi(p)
	return err == nil && n > 0 && n < 65536
}

// fromList reads host:port, comma separated.
func fromList(value, port string) []string {
	var out []string
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if i := strings.Index(item, "://"); i >= 0 { // SASL_SSL://host:9093
			item = item[i+3:]
		}
		if a := address(item, port); a != "" {
			out = append(out, a)
		}
	}
	return out
}

// address is host:port, or empty when there is no port or the host is none.
func address(hostport, defaultPort string) string {
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		host, port = strings.Trim(hostport, "[]"), defaultPort
	}
	if host == "" || !validPort(port) || strings.ContainsAny(host, " /?#@\\\"'<>(){}") {
		return ""
	}
	return net.JoinHostPort(host, port)
}

// fromURLs reads the URLs of a value: one, several separated by commas, or one with several hosts (mongodb://a:1,b:2/db, jdbc:postgresql://a,b/db).
func fromURLs(value string) []string {
	value = strings.TrimPrefix(value, "jdbc:")
	i := strings.Index(value, "://")
	if i <= 0 {
		return oracleThin(value)
	}
	scheme := strings.ToLower(value[:i])
	if j := strings.LastIndexByte(scheme, ':'); j >= 0 { // mysql:replication://, oracle:thin:@//
		if strings.HasPrefix(scheme, "oracle:") {
			return oracleThin(value)
		}
		scheme = scheme[:j]
	}
	port, known := ports[scheme]
	if !known || scheme == "mongodb+srv" {
		return nil
	}
	if scheme == "http" || scheme == "https" {
		var out []string
		for item := range strings.SplitSeq(value, ",") {
			u, err := url.Parse(strings.TrimSpace(item))
			if err != nil || u.Host == "" {
				continue
			}
			p := u.Port()
			if p == "" {
				p = ports[strings.ToLower(u.Scheme)]
			}
			if a := address(net.JoinHostPort(u.Hostname(), p), ""); a != "" {
				out = append(out, a)
			}
		}
		return out
	}
	rest := value[i+3:]
	if end := strings.IndexAny(rest, "/?;#"); end >= 0 {
		rest = rest[:end]
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = rest[at+1:]
	}
	return fromList(rest, port)
}

// oracleThin reads jdbc:oracle:thin:@host:1521:SID and @//host:1521/service.
func oracleThin(value string) []string {
	rest, ok := strings.CutPrefix(value, "oracle:thin:")
	if !ok {
		return nil
	}
	_, rest, ok = strings.Cut(rest, "@")
	if !ok || strings.HasPrefix(rest, "(") {
		return nil
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "tcp:"), "//")
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		rest = rest[:end]
	}
	if parts := strings.Split(rest, ":"); len(parts) == 3 { // host:port:SID
		rest = parts[0] + ":" + parts[1]
	}
	return fromList(rest, ports["oracle"])
}
