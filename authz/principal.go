package authz

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/internal/credential"
)

// Principal is who a connection belongs to, and what it may do. It is a value; its members must not be changed once an
// [Authenticator] has given it.
type Principal struct {
	// ID names the user or the device: not empty, UTF-8. [conn.Track] registers the connection as this user's. All
	// authenticators of an API share one namespace of ids; see [PrefixIDs].
	ID string
	// Scopes and Roles are what [RequireScopes] and [RequireRole] ask for. They have no spaces.
	Scopes []string
	Roles  []string
	// Attributes is what else is to be known of it in every event. Names are ASCII letters, digits, "_", "-" and ".".
	Attributes map[string]string
	// Expires is when the credential ends; zero is never. It is kept in seconds. See [CredentialExpiry].
	ExpiresAt time.Time
	// UsageKey is the API key that the gateway's usage plans count the connection under, empty for none. It is
	// usageIdentifierKey in the authorizer's answer, and is not carried to later events.
	UsageKey string
}

// MaxAuthorizerResult is how large the answer of an authorizer may be, in bytes (AWS Developer Guide, "Quotas for configuring and
// running a WebSocket API": "Authorizer result size").
const MaxAuthorizerResult = 8 << 10

// The keys that a Principal has in an authorizer's context. Attributes have a prefix, so that they are in nobody's way.
const (
	keyPrincipal = "principalId"
	keyScopes    = "scopes"
	keyRoles     = "roles"
	keyExpires   = credential.KeyExpiry
	attribute    = "attr."
)

// HasScope reports whether the principal has a scope.
func (p Principal) HasScope(scope string) bool { return slices.Contains(p.Scopes, scope) }

// HasRole reports whether the principal has a role.
func (p Principal) HasRole(role string) bool { return slices.Contains(p.Roles, role) }

// Expired reports whether its time is over.
func (p Principal) Expired(now time.Time) bool {
	return !p.ExpiresAt.IsZero() && !now.Before(p.ExpiresAt)
}

// check refuses what an authorizer's context can't carry, by name.
func (p Principal) check() error {
	if p.ID == "" || !utf8.ValidString(p.ID) {
		return fmt.Errorf("authz: the principal's id %q is empty or not UTF-8", p.ID)
	}
	for kind, words := range map[string][]string{"scope": p.Scopes, "role": p.Roles} {
		for _, w := range words {
			if w == "" || !utf8.ValidString(w) || strings.ContainsFunc(w, unicode.IsSpace) {
				return fmt.Errorf("authz: %s %q of principal %q is empty, not UTF-8 or has a space", kind, w, p.ID)
			}
		}
	}
	for name, value := range p.Attributes {
		if !isName(name) {
			return fmt.Errorf("authz: attribute %q of principal %q needs a name of letters, digits, dots, _ and -", name, p.ID)
		}
		if !utf8.ValidString(value) {
			return fmt.Errorf("authz: attribute %q of principal %q is not UTF-8", name, p.ID)
		}
	}
	return nil
}

func isName(s string) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.':
		default:
			return false
		}
	}
	return s != ""
}

// context returns the principal as an authorizer's context, without its id.
func (p Principal) context() map[string]string {
	c := make(map[string]string, len(p.Attributes)+3)
	if len(p.Scopes) > 0 {
		c[keyScopes] = strings.Join(p.Scopes, " ")
	}
	if len(p.Roles) > 0 {
		c[keyRoles] = strings.Join(p.Roles, " ")
	}
	if !p.ExpiresAt.IsZero() {
		c[keyExpires] = strconv.FormatInt(p.ExpiresAt.Unix(), 10)
	}
	for name, value := range p.Attributes {
		c[attribute+name] = value
	}
	return c
}

// PrincipalFrom returns who an event's connection belongs to, as the API's [Authorizer] or the [AuthenticateConnect] middleware has
// found out. It is false if neither has run. An authorizer that is not of this package is understood as far as it has
// a principalId, and its values are attributes.
func PrincipalFrom(req *gatesock.Request) (Principal, bool) {
	return fromContext(req.Authorizer)
}

// APIKeyAttribute is the attribute of a [Principal] that has the id of the API key by which it was found, as package authz/apikey sets
// it.
const APIKeyAttribute = "key"

// AttributeFrom returns an attribute of the principal of an event without building the whole, as [PrincipalFrom] does; empty if there
// is none.
func AttributeFrom(req *gatesock.Request, name string) string {
	if value, ok := req.Authorizer[attribute+name]; ok {
		return value
	}
	return req.Authorizer[name]
}

// fromContext reads an authorizer's context. An exp that is no number counts as over: what can't be read is not trusted.
func fromContext(values map[string]string) (Principal, bool) {
	p := Principal{ID: values[keyPrincipal]}
	if p.ID == "" {
		return Principal{}, false
	}
	p.Scopes = strings.Fields(values[keyScopes])
	p.Roles = strings.Fields(values[keyRoles])
	var err error
	if p.ExpiresAt, err = credential.Expiry(values); err != nil {
		p.ExpiresAt = time.Unix(0, 0).UTC()
	}
	for k, v := range values {
		switch k {
		case keyPrincipal, keyScopes, keyRoles, keyExpires, "integrationLatency":
			continue
		}
		if p.Attributes == nil {
			p.Attributes = make(map[string]string)
		}
		p.Attributes[strings.TrimPrefix(k, attribute)] = v
	}
	return p, true
}

// setPrincipal makes a principal that of an event, in place of the authorizer's.
func setPrincipal(req *gatesock.Request, p Principal) {
	values := p.context()
	values[keyPrincipal] = p.ID
	req.Authorizer = values
}

// merge joins what several authenticators say of the same principal. One that names nobody may still say what the principal
// may do, and for how long.
func merge(a, b Principal) (Principal, error) {
	if a.ID != b.ID && a.ID != "" && b.ID != "" {
		return Principal{}, fmt.Errorf("%w: the credentials are of two principals", ErrUnauthenticated)
	}
	a.ID = cmp.Or(a.ID, b.ID)
	a.Scopes = union(a.Scopes, b.Scopes)
	a.Roles = union(a.Roles, b.Roles)
	if len(b.Attributes) > 0 {
		attributes := maps.Clone(b.Attributes)
		maps.Copy(attributes, a.Attributes)
		a.Attributes = attributes
	}
	if a.ExpiresAt.IsZero() || !b.ExpiresAt.IsZero() && b.ExpiresAt.Before(a.ExpiresAt) {
		a.ExpiresAt = b.ExpiresAt
	}
	a.UsageKey = cmp.Or(a.UsageKey, b.UsageKey)
	return a, nil
}

func union(a, b []string) []string {
	if len(a)+len(b) == 0 {
		return nil
	}
	u := slices.Concat(a, b)
	slices.Sort(u)
	return slices.Compact(u)
}
