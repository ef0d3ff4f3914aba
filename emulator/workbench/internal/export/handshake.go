package export

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatesock/gatesock/emulator/workbench/entry"
)

// leftOut are headers that every client sends by itself, or that a proxy adds.
var leftOut = map[string]bool{ //nolint:gochecknoglobals // a constant
	"Host": true, "Connection": true, "Upgrade": true, "User-Agent": true, "Pragma": true, "Cache-Control": true,
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Content-Length": true, "X-Amzn-Trace-Id": true,
	"X-Forwarded-For": true, "X-Forwarded-Port": true, "X-Forwarded-Proto": true, "Dnt": true, "Sec-Gpc": true,
}

// secrets are headers, and parts of the names of query parameters, that say who a client is.
var (
	secretHeaders = []string{"Authorization", "Cookie", "X-Api-Key"}                             //nolint:gochecknoglobals // a constant
	secretQuery   = []string{"token", "ticket", "secret", "password", "signature", "credential"} //nolint:gochecknoglobals // a constant
)

// handshakeSource is what the test says of a handshake.
type handshakeSource struct {
	options []string
	note    string // what was left out
}

// describe returns the options of a handshake. now is its time. If an authorizer has decided, the
// test connects as that user, and leaves out the credentials that the client had.
func describe(h *entry.Handshake, now time.Time, isRefused bool) (out handshakeSource) {
	if h == nil {
		return out
	}
	known := len(h.Authorizer) > 0 && !isRefused
	if known {
		out.options = append(out.options, identity(h.Authorizer, now))
	}
	var without []string
	for _, name := range slices.Sorted(maps.Keys(h.Headers)) {
		canonical := http.CanonicalHeaderKey(name)
		switch {
		case leftOut[canonical] || strings.HasPrefix(canonical, "Sec-"):
		case known && slices.Contains(secretHeaders, canonical):
			without = append(without, canonical)
		default:
			for _, value := range h.Headers[name] {
				out.options = append(out.options, fmt.Sprintf("wstest.WithHeader(%s, %s)", goString(name), goString(value)))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.Query)) {
		if known && isSecretQuery(name) {
			without = append(without, "the query parameter "+name)
			continue
		}
		for _, value := range h.Query[name] {
			out.options = append(out.options, fmt.Sprintf("wstest.WithQuery(%s, %s)", goString(name), goString(value)))
		}
	}
	var protocols []string
	for _, p := range h.Subprotocols {
		if known && (strings.HasPrefix(p, "bearer.") || looksRandom(p)) {
			without = append(without, "a subprotocol with a token")
			continue
		}
		protocols = append(protocols, goString(p))
	}
	if len(protocols) > 0 {
		out.options = append(out.options, "wstest.WithSubprotocols("+strings.Join(protocols, ", ")+")")
	}
	if ip := h.SourceIP; ip != "" && ip != "127.0.0.1" && ip != "::1" {
		out.options = append(out.options, "wstest.WithSourceIP("+goString(ip)+")")
	}
	if len(without) > 0 {
		out.note = "without " + oneLine(strings.Join(without, ", ")) + ": the test names the user instead"
	}
	return out
}

func isSecretQuery(name string) bool {
	return slices.ContainsFunc(secretQuery, func(part string) bool {
		return strings.Contains(strings.ToLower(name), part)
	})
}

// identity returns the option for the user that an authorizer has let in.
func identity(authorizer map[string]any, now time.Time) string {
	user, _ := authorizer["principalId"].(string)
	if user != "" {
		if p, ok := principal(authorizer, user, now); ok {
			return p
		}
	}
	var members []string
	for _, name := range slices.Sorted(maps.Keys(authorizer)) {
		if name != "principalId" && name != "integrationLatency" {
			members = append(members, goString(name)+": "+goValue(authorizer[name]))
		}
	}
	return fmt.Sprintf("wstest.WithAuthorizerContext(%s, map[string]any{%s})", goString(user), strings.Join(members, ", "))
}

// principal returns the option for a principal of package authz, if the context of an authorizer is
// one.
func principal(authorizer map[string]any, user string, now time.Time) (option string, ok bool) {
	members := map[string]string{}
	var attributes []string
	for _, name := range slices.Sorted(maps.Keys(authorizer)) {
		value, isText := authorizer[name].(string)
		attribute, isAttribute := strings.CutPrefix(name, "attr.")
		switch {
		case name == "principalId" || name == "integrationLatency":
		case !isText:
			return "", false
		case name == "scopes":
			members["Scopes"] = goStrings(strings.Fields(value))
		case name == "roles":
			members["Roles"] = goStrings(strings.Fields(value))
		case name == "exp":
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return "", false
			}
			members["ExpiresAt"] = "h.Now()" + plus(time.Unix(seconds, 0).Sub(now).Round(time.Second))
		case isAttribute:
			attributes = append(attributes, goString(attribute)+": "+goString(value))
		default:
			return "", false
		}
	}
	if len(attributes) > 0 {
		members["Attributes"] = "map[string]string{" + strings.Join(attributes, ", ") + "}"
	}
	if len(members) == 0 {
		return "wstest.WithUser(" + goString(user) + ")", true
	}
	option = "wstest.WithPrincipal(authz.Principal{\nID: " + goString(user)
	for _, name := range []string{"Scopes", "Roles", "ExpiresAt", "Attributes"} {
		if value, ok := members[name]; ok {
			option += ", " + name + ": " + value
		}
	}
	return option + ",\n})", true
}

func goStrings(all []string) string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = goString(s)
	}
	return "[]string{" + strings.Join(quoted, ", ") + "}"
}

// goValue returns the Go expression of a value in the context of an authorizer: a text, a number or
// a boolean.
func goValue(value any) string {
	switch v := value.(type) {
	case string:
		return goString(v)
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return goFloat(v)
	case json.Number:
		if _, err := v.Float64(); err == nil {
			return v.String()
		}
		return goString(v.String())
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return goString(fmt.Sprint(value))
}
