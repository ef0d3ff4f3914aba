package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// policy is an IAM policy as far as authorizers write them: statements with actions and resources.
type policy struct {
	Version   string
	Statement oneOrMore[statement]
}

type statement struct {
	Effect   string
	Action   oneOrMore[string]
	Resource oneOrMore[string]
	// What is there but not imitated is a fault, rather than to let somebody in or out by guess.
	NotAction, NotResource oneOrMore[string]
	Condition              map[string]json.RawMessage
}

// members decodes those members of an object that into has a place for. Names count as they are written, as AWS documents
// them; encoding/json by itself takes them in any case.
func members(object []byte, into map[string]any) error {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(object, &all); err != nil {
		return err
	}
	for name, place := range into {
		if text, ok := all[name]; ok && string(text) != "null" {
			if err := json.Unmarshal(text, place); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func (p *policy) UnmarshalJSON(data []byte) error {
	return members(data, map[string]any{"Version": &p.Version, "Statement": &p.Statement})
}

func (s *statement) UnmarshalJSON(data []byte) error {
	return members(data, map[string]any{
		"Effect": &s.Effect, "Action": &s.Action, "Resource": &s.Resource,
		"NotAction": &s.NotAction, "NotResource": &s.NotResource, "Condition": &s.Condition,
	})
}

// oneOrMore is a list that may be written as its only element (IAM User Guide, "IAM JSON policy elements").
type oneOrMore[T any] []T

func (l *oneOrMore[T]) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]T)(l))
	}
	var one T
	if err := json.Unmarshal(data, &one); err != nil {
		return err
	}
	*l = oneOrMore[T]{one}
	return nil
}

// decide tells if a policy allows an action: some statement has to, and none may deny it (IAM User Guide, "Policy evaluation
// logic").
func (p *policy) decide(action, resource string) error {
	if len(p.Statement) == 0 {
		return errors.New("the policyDocument has no Statement")
	}
	allowed, denied := false, false
	for _, s := range p.Statement {
		if err := s.check(); err != nil {
			return fmt.Errorf("the policyDocument: %w", err)
		}
		matches := slices.ContainsFunc(s.Action, func(a string) bool { return wild(strings.ToLower(a), strings.ToLower(action)) }) &&
			slices.ContainsFunc(s.Resource, func(r string) bool { return matchARN(r, resource) })
		allowed = allowed || matches && s.Effect == "Allow"
		denied = denied || matches && s.Effect == "Deny"
	}
	if denied || !allowed {
		return errDenied
	}
	return nil
}

func (s *statement) check() error {
	switch {
	case s.Effect != "Allow" && s.Effect != "Deny":
		return fmt.Errorf("the Effect is %.100q", s.Effect)
	case len(s.NotAction)+len(s.NotResource)+len(s.Condition) > 0:
		return errors.New("NotAction, NotResource and Condition are not imitated")
	case len(s.Action) == 0 || len(s.Resource) == 0:
		return errors.New("a statement has no Action or no Resource (names count as they are written)")
	}
	for _, r := range s.Resource {
		if len(r) > maxResource {
			return fmt.Errorf("a Resource has %d characters, the gateway takes %d", len(r), maxResource)
		}
	}
	return nil
}

// maxResource is how long a resource may be (§4 of docs/gateway-facts.md).
const maxResource = 512

// matchARN compares by the parts between the colons, in each of which * stands for any characters, slashes too, and ? for
// one (IAM User Guide, "IAM JSON policy elements: Resource"). A * alone is every resource.
func matchARN(pattern, arn string) bool {
	if pattern == "*" {
		return true
	}
	p, a := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
	return slices.EqualFunc(p, a, wild)
}

// wild matches a text with a pattern. It needs no more than the product of their lengths.
func wild(pattern, text string) bool {
	p, t, star, from := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
