package doctor

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/internal/iampattern"
)

// policy is the resource policy of a function.
type policy struct {
	Statement oneOrMore[statement]
}

// statement is a statement of a policy.
type statement struct {
	Effect    string
	Principal principals
	Action    oneOrMore[string]
	Condition map[string]map[string]oneOrMore[string]
}

// oneOrMore is a value or a list of values.
type oneOrMore[T any] []T

// UnmarshalJSON reads both forms.
func (o *oneOrMore[T]) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]T)(o))
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*o = oneOrMore[T]{one}
	return nil
}

// principals are the services that a statement names; "*" is everyone.
type principals []string

// UnmarshalJSON reads "*" and {"Service": …}; other kinds of principals are left out.
func (p *principals) UnmarshalJSON(data []byte) error {
	var all string
	if json.Unmarshal(data, &all) == nil {
		*p = principals{all}
		return nil
	}
	var kinds map[string]oneOrMore[string]
	if err := json.Unmarshal(data, &kinds); err != nil {
		return err
	}
	*p = nil
	for _, kind := range sortedKeys(kinds) {
		if kind == "Service" || slices.Contains(kinds[kind], "*") {
			*p = append(*p, kinds[kind]...)
		}
	}
	return nil
}

// parsePolicy reads the document that Lambda returns.
func parsePolicy(document string) (*policy, error) {
	var p policy
	if err := json.Unmarshal([]byte(document), &p); err != nil {
		return nil, fmt.Errorf("it is not a policy: %w", err)
	}
	if len(p.Statement) == 0 {
		return nil, errors.New("it has no statement")
	}
	return &p, nil
}

// caller is a service that invokes a function for a resource.
type caller struct{ service, source, account string }

// verdict is what a policy says about a caller.
type verdict int

const (
	refused verdict = iota
	unclear         // it depends on a condition that is not evaluated here
	allowed
)

// judge returns whether the policy lets a caller invoke the function. A nil policy allows nothing.
func (p *policy) judge(c caller) verdict {
	if p == nil {
		return refused
	}
	result, limit := refused, allowed
	for _, s := range p.Statement {
		applies := s.applies(c)
		switch s.Effect {
		case "Allow":
			result = max(result, applies)
		case "Deny":
			limit = min(limit, allowed-applies)
		}
	}
	return min(result, limit)
}

// unconditional reports whether any resource of a service, in any account, may invoke the function.
func (p *policy) unconditional(service string) bool {
	if p == nil {
		return false
	}
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		return s.Effect == "Allow" && s.concerns(service) && len(s.Condition) == 0
	})
}

// concerns reports whether a statement is about a service that invokes the function.
func (s statement) concerns(service string) bool {
	return slices.ContainsFunc(s.Principal, func(p string) bool { return p == "*" || p == service }) &&
		slices.ContainsFunc(s.Action, func(a string) bool {
			return iampattern.Match(strings.ToLower(a), "lambda:invokefunction")
		})
}

// applies returns allowed if the statement applies to a caller, refused if not, and unclear if that
// depends on a condition that is not evaluated.
func (s statement) applies(c caller) verdict {
	if !s.concerns(c.service) {
		return refused
	}
	result := allowed
	for operator, keys := range s.Condition {
		for key, values := range keys {
			result = min(result, c.meets(operator, key, values))
		}
	}
	return result
}

// meets evaluates a condition on the caller: one of the values must match.
func (c caller) meets(operator, key string, values []string) verdict {
	actual, ok := map[string]string{"aws:sourcearn": c.source, "aws:sourceaccount": c.account}[strings.ToLower(key)]
	match, known := map[string]func(pattern, s string) bool{
		"ArnLike": iampattern.MatchARN, "ArnEquals": iampattern.MatchARN, "StringLike": iampattern.Match,
		"StringEquals":           func(pattern, s string) bool { return pattern == s },
		"StringEqualsIgnoreCase": strings.EqualFold,
	}[operator]
	if !ok || !known {
		return unclear
	}
	if slices.ContainsFunc(values, func(pattern string) bool { return match(pattern, actual) }) {
		return allowed
	}
	return refused
}
