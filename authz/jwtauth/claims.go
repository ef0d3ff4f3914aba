package jwtauth

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/gatesock/gatesock/authz"
)

// Claims are the claims of a token, as encoding/json decodes them, except that numbers are
// [encoding/json.Number].
type Claims map[string]any

// Lookup returns the value of a claim, and reports whether it is there. A name that begins with a
// slash is a JSON Pointer (RFC 6901) to a member of nested claims, such as "/realm_access/roles";
// "~1" stands for a slash in a member's name and "~0" for a tilde. It leads through objects, not
// into lists.
func (c Claims) Lookup(name string) (any, bool) {
	path, err := parseClaimName(name)
	if err != nil {
		return nil, false
	}
	var value any = map[string]any(c)
	for _, member := range path {
		object, ok := value.(map[string]any)
		if !ok {
			return nil, false
		}
		if value, ok = object[member]; !ok {
			return nil, false
		}
	}
	return value, true
}

// clone returns a deep copy of the claims.
func (c Claims) clone() Claims {
	return cloneValue(map[string]any(c)).(map[string]any) //nolint:forcetypeassert // A map stays one.
}

func cloneValue(value any) any {
	switch v := value.(type) {
	case map[string]any:
		object := make(map[string]any, len(v))
		for name, member := range v {
			object[name] = cloneValue(member)
		}
		return object
	case []any:
		list := make([]any, len(v))
		for i, e := range v {
			list[i] = cloneValue(e)
		}
		return list
	default:
		return v
	}
}

// parseClaimName returns the members that lead to a claim.
func parseClaimName(name string) ([]string, error) {
	switch {
	case name == "":
		return nil, errors.New("the name of a claim must not be empty")
	case name[0] != '/':
		return []string{name}, nil
	}
	path := strings.Split(name[1:], "/")
	for i, member := range path {
		if rest := strings.NewReplacer("~0", "", "~1", "").Replace(member); strings.Contains(rest, "~") {
			return nil, errors.New(`in a JSON Pointer a tilde is written "~0"`)
		}
		path[i] = strings.NewReplacer("~0", "~", "~1", "/").Replace(member)
	}
	return path, nil
}

// lastDate is the last second of the year 9999, in Unix time. A later time is probably in
// milliseconds.
const lastDate = 253402300799

// checkDates refuses numbers that are not times, such as negative and huge ones, before anything is
// computed with them. A fraction of a second is valid (RFC 7519 §2).
func checkDates(claims Claims) error {
	for _, name := range []string{"exp", "nbf", "iat"} {
		value, there := claims[name]
		if !there {
			continue
		}
		number, ok := value.(json.Number)
		if !ok {
			return refuse("%s is not a number", name)
		}
		if f, err := number.Float64(); err != nil || f < 0 || f > lastDate {
			return refuse("%s %.32q is not a time from 1970 to 9999, in seconds", name, number)
		}
	}
	return nil
}

// checkClient refuses tokens of clients other than Config.ClientIDs, and tokens for another
// service.
func (c *Config) checkClient(claims Claims) error {
	if _, there := claims["aud"]; there && len(c.Audience) == 0 {
		return refuse("it has an aud, but no Audience is configured")
	}
	if len(c.ClientIDs) == 0 {
		return nil
	}
	names := []string{"client_id", "azp"}
	if c.ClientIDClaim != "" {
		names = []string{c.ClientIDClaim}
	}
	found := false
	for _, name := range names {
		value, there := claims.Lookup(name)
		if !there {
			continue
		}
		id, ok := value.(string)
		if !ok || !slices.Contains(c.ClientIDs, id) {
			return refuse("%s %.64q is not one of the ClientIDs", name, fmt.Sprint(value))
		}
		found = true
	}
	if !found {
		return refuse("it names no client: %s is missing", strings.Join(names, " or "))
	}
	return nil
}

// checkRequired refuses tokens without a value that Config.RequiredClaims asks for.
func (c *Config) checkRequired(claims Claims) error {
	for name, values := range c.RequiredClaims {
		value, _ := claims.Lookup(name)
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		if !slices.ContainsFunc(list, func(e any) bool {
			text, ok := textOf(e)
			return ok && slices.Contains(values, text)
		}) {
			return refuse("%s is not one of %q", name, values)
		}
	}
	return nil
}

// standard returns the principal that Config describes.
func (c *Config) standard(claims Claims) (authz.Principal, error) {
	var p authz.Principal
	id, _ := claims.Lookup(c.IDClaim)
	var ok bool
	if p.ID, ok = id.(string); !ok || p.ID == "" {
		return authz.Principal{}, refuse("%s is missing or not a string", c.IDClaim)
	}
	var err error
	if p.Scopes, err = wordsOf(claims, c.ScopeClaims, strings.Fields); err != nil {
		return authz.Principal{}, err
	}
	if p.Roles, err = wordsOf(claims, c.RoleClaims, func(s string) []string { return []string{s} }); err != nil {
		return authz.Principal{}, err
	}
	for attribute, name := range c.Attributes {
		value, _ := claims.Lookup(name)
		if text, ok := textOf(value); ok {
			if p.Attributes == nil {
				p.Attributes = make(map[string]string, len(c.Attributes))
			}
			p.Attributes[attribute] = text
		}
	}
	return p, nil
}

// wordsOf returns the scopes or roles of some claims, each once and in order. A claim that is a
// string is split. The elements of a list are not, so that "not admin" does not become "admin".
func wordsOf(claims Claims, names []string, split func(string) []string) ([]string, error) {
	var words []string
	for _, name := range names {
		value, _ := claims.Lookup(name)
		switch c := value.(type) {
		case nil:
		case string:
			words = append(words, split(c)...)
		case []any:
			for _, e := range c {
				word, ok := e.(string)
				if !ok {
					return nil, refuse("%s has an element that is not a string", name)
				}
				words = append(words, word)
			}
		default:
			return nil, refuse("%s is neither a string nor a list", name)
		}
	}
	words = slices.DeleteFunc(words, func(w string) bool { return w == "" || strings.ContainsFunc(w, unicode.IsSpace) })
	slices.Sort(words)
	return slices.Clip(slices.Compact(words)), nil
}

func textOf(claim any) (string, bool) {
	switch c := claim.(type) {
	case string:
		return c, true
	case json.Number, bool:
		return fmt.Sprint(c), true
	default:
		return "", false
	}
}
