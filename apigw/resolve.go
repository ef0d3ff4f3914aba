package apigw

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/partition"
)

// ErrUnknownMapping says that an event came through a custom domain, and that it was not said which mapping
// key the API has there. The event does not tell.
var ErrUnknownMapping = errors.New("apigw: the custom domain's mapping key is not known")

// ExecuteAPIEndpoint returns the endpoint on the host that every API has,
// https://{api}.execute-api.{region}.amazonaws.com/{stage} (AWS Developer Guide, "Use @connections commands in your
// backend service"), or the same under the domain of the region's partition, such as amazonaws.com.cn in China and
// amazonaws.eu in the European Sovereign Cloud. It fails for a region of a partition that it does not know.
func ExecuteAPIEndpoint(apiID, region, stage string) (string, error) {
	for _, part := range []struct{ name, value string }{{"API id", apiID}, {"region", region}} {
		if !isLabel(part.value) {
			return "", fmt.Errorf("apigw: %s %q is not valid", part.name, part.value)
		}
	}
	in, ok := partition.Of(region)
	if !ok {
		return "", fmt.Errorf("apigw: region %q is in no partition of AWS that is known, so that its domain is not either; "+
			"give the endpoint as the console shows it", region)
	}
	return build("https", apiID+".execute-api."+region+"."+in.Suffix, stage)
}

// CustomDomainEndpoint gives the endpoint on a custom domain. The mapping key is that of the API under this domain,
// empty if the API is mapped without one. The stage is not part of it.
func CustomDomainEndpoint(domain, mappingKey string) (string, error) {
	domain = strings.ToLower(domain)
	if _, ok := readAPIHost(domain); ok {
		return "", fmt.Errorf("apigw: %q is not a custom domain but the API's own host", domain)
	}
	if err := checkHostname(domain); err != nil {
		return "", fmt.Errorf("apigw: custom domain: %w", err)
	}
	return build("https", domain, strings.Trim(mappingKey, "/"))
}

// LoopbackEndpoint gives the endpoint of an emulator on this machine, http://{hostport}/{stage}. The port may be left
// out of hostport; the host is localhost, a name under .localhost, or a loopback address.
func LoopbackEndpoint(hostport, stage string) (string, error) {
	if !isLoopback(hostname(hostport)) {
		return "", fmt.Errorf("apigw: %q is not a loopback address", hostport)
	}
	if stage == "" {
		return "", errors.New("apigw: the stage is missing")
	}
	if err := checkStage(stage); err != nil {
		return "", fmt.Errorf("apigw: %w", err)
	}
	if _, err := netip.ParseAddr(hostport); err == nil && strings.Contains(hostport, ":") {
		hostport = "[" + hostport + "]"
	}
	return build("http", hostport, stage)
}

// Mappings says under which mapping key the API is reached on a custom domain: domain to key, an empty key
// where the API is mapped without one. Domains are in lower case. A loopback host is one where an emulator plays a custom
// domain, with its port or, for all ports, without.
type Mappings map[string]string

// EndpointFor returns the endpoint of the API that an event came through: of its domain name and stage if the
// domain is the API's own host, or a loopback one that is not in mappings, and of its domain name and the mapping
// otherwise. It fails with [ErrUnknownMapping] for a custom domain that is not in mappings, which may be nil.
func EndpointFor(req *gatesock.Request, mappings Mappings) (string, error) {
	domain := strings.ToLower(req.DomainName)
	if domain == "" {
		return "", errors.New("apigw: the event has no domain name")
	}
	if isLoopback(hostname(domain)) {
		if key, ok := mappings.local(domain); ok {
			return build("http", domain, strings.Trim(key, "/"))
		}
		return LoopbackEndpoint(domain, req.Stage)
	}
	if _, ok := readAPIHost(domain); ok {
		return build("https", domain, req.Stage)
	}
	key, ok := mappings[domain]
	if !ok {
		return "", fmt.Errorf("%w: %.200q", ErrUnknownMapping, req.DomainName)
	}
	return CustomDomainEndpoint(domain, key)
}

// local finds the key of a loopback host, with the port or without.
func (m Mappings) local(hostport string) (key string, ok bool) {
	if key, ok = m[hostport]; !ok {
		key, ok = m[hostname(hostport)]
	}
	return key, ok
}

func build(scheme, host, path string) (string, error) {
	u := url.URL{Scheme: scheme, Host: host, Path: path}
	e, err := parseEndpoint(u.String())
	if err != nil {
		return "", err
	}
	return e.uri.String(), nil
}

// hostname takes the port away, if there is one, and the brackets.
func hostname(hostport string) string {
	if host, _, err := net.SplitHostPort(hostport); err == nil {
		return host
	}
	return strings.TrimSuffix(strings.TrimPrefix(hostport, "["), "]")
}

func isLabel(s string) bool {
	return s != "" && !strings.Contains(s, ".") && checkHostname(s) == nil
}
