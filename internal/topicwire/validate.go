package topicwire

import (
	"fmt"
	"strconv"
	"unicode/utf8"
)

// MaxTopicBytes is the length of the longest name of a topic.
const MaxTopicBytes = 512

// MaxAsBytes is the size of the largest Subscription.As.
const MaxAsBytes = 256

// Validate returns an error that names the first member that is not valid.
func (s Subscribe) Validate() error {
	if len(s.Topics) == 0 {
		return s.validate("")
	}
	if !s.isBlank() {
		return fmt.Errorf(`"topics" must be alone: put "topic" and what belongs to it into its elements`)
	}
	seen := make(map[string]bool, len(s.Topics))
	for i, sub := range s.Topics {
		path := element("topics", i)
		if err := sub.validate(path + "."); err != nil {
			return err
		}
		if seen[sub.Topic] {
			return fmt.Errorf("%q names %s a second time", path+".topic", quoted(sub.Topic))
		}
		seen[sub.Topic] = true
	}
	return nil
}

func (s Subscription) isBlank() bool {
	return s.Topic == "" && s.Since == nil && s.Last == 0 && s.Filter == nil && !s.Presence && s.As == nil
}

func (s Subscription) validate(path string) error {
	if err := validateTopic(path+"topic", s.Topic); err != nil {
		return err
	}
	if s.Since != nil {
		if err := s.Since.validate(path + "since."); err != nil {
			return err
		}
	}
	if len(s.As) > MaxAsBytes {
		return fmt.Errorf("%q must have at most %d bytes, not %d", path+"as", MaxAsBytes, len(s.As))
	}
	return validateCount(path+"last", s.Last)
}

// Validate returns an error that names the first member that is not valid.
func (u Unsubscribe) Validate() error {
	if len(u.Topics) == 0 {
		return validateTopic("topic", u.Topic)
	}
	if u.Topic != "" {
		return fmt.Errorf(`"topic" and "topics" must not both be there`)
	}
	seen := make(map[string]bool, len(u.Topics))
	for i, topic := range u.Topics {
		if err := validateTopic(element("topics", i), topic); err != nil {
			return err
		}
		if seen[topic] {
			return fmt.Errorf("%q names %s a second time", element("topics", i), quoted(topic))
		}
		seen[topic] = true
	}
	return nil
}

// Validate returns an error that names the first member that is not valid.
func (h History) Validate() error {
	if err := validateTopic("topic", h.Topic); err != nil {
		return err
	}
	if h.Since != nil {
		if err := h.Since.validate("since."); err != nil {
			return err
		}
	}
	if h.Before != nil {
		if err := h.Before.validate("before."); err != nil {
			return err
		}
		switch {
		case h.Since != nil:
			return fmt.Errorf(`"since" and "before" must not both be there`)
		case h.Last != 0:
			return fmt.Errorf(`"last" and "before" must not both be there; "limit" bounds the answer`)
		}
	}
	if err := validateCount("last", h.Last); err != nil {
		return err
	}
	return validateCount("limit", h.Limit)
}

// Validate returns an error that names the first member that is not valid.
func (s Sync) Validate() error {
	seen := make(map[string]bool, len(s.Topics))
	for i, at := range s.Topics {
		path := element("topics", i)
		if err := validateTopic(path+".topic", at.Topic); err != nil {
			return err
		}
		if err := (Position{Epoch: at.Epoch, Offset: at.Offset}).validate(path + "."); err != nil {
			return err
		}
		if seen[at.Topic] {
			return fmt.Errorf("%q names %s a second time", path+".topic", quoted(at.Topic))
		}
		seen[at.Topic] = true
	}
	return nil
}

// Validate returns an error that names the member that is not valid.
func (p Presence) Validate() error {
	if len(p.Cursor) > maxCursorBytes {
		return fmt.Errorf(`"cursor" must be that of the page before, not %s`, quoted(p.Cursor))
	}
	return validateTopic("topic", p.Topic)
}

const maxCursorBytes = 64

// validate checks the form of a position; path is what stands before the names of its members.
func (p Position) validate(path string) error {
	number, ok := EpochNumber(p.Epoch)
	switch {
	case !ok:
		return fmt.Errorf(`%q must be an epoch as the server gave it, or "", not %s`, path+"epoch", quoted(p.Epoch))
	case p.Offset < 0 || p.Offset > MaxOffset:
		return fmt.Errorf("%q must be from 0 to %d, not %d", path+"offset", int64(MaxOffset), p.Offset)
	case number == 0 && p.Offset > 0:
		return fmt.Errorf(`%q must be 0 with the epoch "", not %d`, path+"offset", p.Offset)
	}
	return nil
}

func validateTopic(path, topic string) error {
	switch {
	case topic == "":
		return fmt.Errorf("%q must be the name of a topic, and is missing or empty", path)
	case len(topic) > MaxTopicBytes:
		return fmt.Errorf("%q must have at most %d bytes, not %d", path, MaxTopicBytes, len(topic))
	case !utf8.ValidString(topic):
		return fmt.Errorf("%q must be UTF-8", path)
	}
	return nil
}

func validateCount(path string, n int) error {
	if n < 0 {
		return fmt.Errorf("%q must not be negative, but is %d", path, n)
	}
	return nil
}

func element(list string, i int) string { return list + "[" + strconv.Itoa(i) + "]" }

// quoted returns a text for an error, shortened.
func quoted(s string) string { return fmt.Sprintf("%.64q", s) }
