package intercept

import (
	"net"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/internal/partition"
)

// suffixes returns the ends of the names of hosts of AWS, without a dot before them.
func suffixes() []string {
	all := []string{"on.aws", "api.aws", "amazonwebservices.com.cn"}
	for _, p := range partition.All() {
		if !slices.Contains(all, p.Suffix) {
			all = append(all, p.Suffix)
		}
	}
	return all
}

// metadata returns the addresses where machines on AWS get their credentials.
func metadata() []string { return []string{"169.254.169.254", "169.254.170.2", "fd00:ec2::254"} }

// IsAWS reports whether a host, with or without a port, is one of AWS: a name under one of its
// domains, such as "dynamodb.us-east-1.amazonaws.com", or an address where a machine on AWS gets
// its credentials.
func IsAWS(host string) bool {
	name := hostname(host)
	return slices.ContainsFunc(suffixes(), func(suffix string) bool { return within(name, suffix) }) ||
		slices.Contains(metadata(), name)
}

// intercepts reports whether requests to a host are answered here.
func (c *Config) intercepts(host string) bool {
	name := hostname(host)
	if slices.ContainsFunc(c.Domains, func(domain string) bool { return hostname(domain) == name }) {
		return true
	}
	return IsAWS(name) && !slices.ContainsFunc(c.Real, func(entry string) bool { return matches(name, entry) })
}

// hasAPI reports whether a host may be that of a WebSocket API.
func (c *Config) hasAPI(host string) bool {
	return !IsAWS(host) || strings.Contains(strings.ToLower(host), ".execute-api.")
}

// matches reports whether a name is that of an entry of Config.Real.
func matches(name, entry string) bool {
	entry = strings.ToLower(entry)
	if suffix, ok := strings.CutPrefix(entry, "."); ok {
		return within(name, suffix)
	}
	return name == entry
}

// within reports whether a name is a domain or a name below it.
func within(name, domain string) bool {
	rest, ok := strings.CutSuffix(name, domain)
	return ok && (rest == "" || strings.HasSuffix(rest, "."))
}

// hostname returns a host in lower case, without its port and without the dot at its end.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// isWebPort reports whether AWS serves HTTP on a port.
func isWebPort(port string) bool { return port == "443" || port == "80" || port == "8443" }
