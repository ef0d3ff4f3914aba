package topicwire

// Subscribed answers a Subscribe: a Result for one topic, or Topics for several, in their order.
type Subscribed struct {
	*Result
	Topics []Result `json:"topics,omitempty"`
}

// All returns the topics of the request.
func (s Subscribe) All() []Subscription {
	if len(s.Topics) > 0 {
		return s.Topics
	}
	return []Subscription{s.Subscription}
}

// All returns the topics of the request.
func (u Unsubscribe) All() []string {
	if len(u.Topics) > 0 {
		return u.Topics
	}
	return []string{u.Topic}
}
