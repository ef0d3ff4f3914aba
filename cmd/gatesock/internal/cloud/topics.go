package cloud

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/pattern"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/queue"
	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

// maxPublish is the most of a message of SNS, with its attributes.
const maxPublish = 256 << 10

// topic is a topic with its subscriptions.
type topic struct {
	*project.Topic
	subscriptions []*subscription
}

// subscription is a subscription whose filter has been read.
type subscription struct {
	project.Subscription
	arn    string
	filter *pattern.Pattern
}

// readTopics reads the topics. A subscription that is wrong or not served is told, and left out.
func (c *Cloud) readTopics() {
	for i := range c.cfg.Project.Topics {
		t := &topic{Topic: &c.cfg.Project.Topics[i]}
		for n, s := range t.Subscriptions {
			read := &subscription{Subscription: s, arn: fmt.Sprintf("%s:00000000-0000-4000-8000-%012d", t.ARN, n+1)}
			if err := c.readSubscription(read); err != nil {
				c.notice(fmt.Sprintf("the topic %s delivers nothing to %s %s: %v", t.ID, s.Protocol, s.Endpoint, err))
				continue
			}
			t.subscriptions = append(t.subscriptions, read)
		}
		c.topics = append(c.topics, t)
	}
}

func (c *Cloud) readSubscription(s *subscription) (err error) {
	if s.Protocol != "lambda" && s.Protocol != "sqs" {
		return errors.New("gatesock dev delivers to functions and queues only")
	}
	if len(s.FilterPolicy) > 0 {
		if s.filter, err = pattern.Compile(s.FilterPolicy, pattern.Options{NumbersByValue: true}); err != nil {
			return fmt.Errorf("its filter policy: %w", err)
		}
	}
	return c.reachable(s.Endpoint)
}

// topic returns a topic by its ARN, or nil.
func (c *Cloud) topic(arn string) *topic {
	i := slices.IndexFunc(c.topics, func(t *topic) bool { return t.ARN == arn })
	if i < 0 {
		return nil
	}
	return c.topics[i]
}

func (c *Cloud) serveTopics() {
	c.sns = &api.Service{
		Name: "sns", Namespace: "http://sns.amazonaws.com/doc/2010-03-31/", Query: true, Refused: c.refused,
		Operations: map[string]api.Operation{
			"Publish":      api.Op(c.opPublish),
			"PublishBatch": api.Op(c.opPublishBatch),
			"ListTopics":   api.Op(c.opListTopics),
			"CreateTopic":  api.Op(c.opCreateTopic),
		},
	}
}

// publication is a message for a topic.
type publication struct {
	ID                string `query:"Id"`
	Message, Subject  string
	MessageStructure  string
	MessageAttributes map[string]queue.Attribute `query:"MessageAttributes.entry,Name,Value"`
	GroupID           string                     `query:"MessageGroupId"`
	DedupeID          string                     `query:"MessageDeduplicationId"`

	id string // what SNS calls it
}

type publishIn struct {
	TopicArn, TargetArn, PhoneNumber string
	publication
}

type published struct {
	ID             string `query:"Id"`
	MessageID      string `query:"MessageId"`
	SequenceNumber string
}

func invalidParameter(format string, args ...any) error {
	return api.Errorf("InvalidParameter", format, args...)
}

func (c *Cloud) opPublish(ctx context.Context, in *publishIn) (*published, error) {
	arn := in.TopicArn
	if arn == "" {
		arn = in.TargetArn
	}
	if arn == "" {
		text := "gatesock dev publishes to topics only, not to phone numbers"
		c.refused(text)
		return nil, invalidParameter("Invalid parameter: %s", text)
	}
	t := c.topic(arn)
	if t == nil {
		return nil, &api.Error{Code: "NotFound", Message: "Topic does not exist: " + arn, Status: 404}
	}
	return c.publish(ctx, t, &in.publication)
}

type publishBatchIn struct {
	TopicArn string
	Entries  []publication `query:"PublishBatchRequestEntries.member"`
}

type publishBatchOut struct {
	Successful []published     `query:"Successful.member"`
	Failed     []publishFailed `query:"Failed.member"`
}

type publishFailed struct {
	ID            string `query:"Id"`
	Code, Message string
	SenderFault   bool
}

func (c *Cloud) opPublishBatch(ctx context.Context, in *publishBatchIn) (*publishBatchOut, error) {
	t := c.topic(in.TopicArn)
	if t == nil {
		return nil, &api.Error{Code: "NotFound", Message: "Topic does not exist: " + in.TopicArn, Status: 404}
	}
	seen := make(map[string]bool)
	for _, e := range in.Entries {
		if seen[e.ID] {
			return nil, api.Errorf("BatchEntryIdsNotDistinct", "Two or more batch entries in the request have the same Id: %s", e.ID)
		}
		seen[e.ID] = true
	}
	switch {
	case len(in.Entries) == 0:
		return nil, api.Errorf("EmptyBatchRequest", "The batch request does not contain any entries.")
	case len(in.Entries) > maxPutEntries:
		return nil, api.Errorf("TooManyEntriesInBatchRequest", "The batch request contains more entries than permissible.")
	}
	out := new(publishBatchOut)
	for i := range in.Entries {
		e := &in.Entries[i]
		sent, err := c.publish(ctx, t, e)
		var refusal *api.Error
		if errors.As(err, &refusal) {
			out.Failed = append(out.Failed, publishFailed{e.ID, refusal.Code, refusal.Message, true})
			continue
		}
		sent.ID = e.ID
		out.Successful = append(out.Successful, *sent)
	}
	return out, nil
}

type topicOut struct{ TopicArn string }

type listTopicsOut struct {
	Topics []topicOut `query:"Topics.member"`
}

func (c *Cloud) opListTopics(context.Context, *struct{}) (*listTopicsOut, error) {
	out := new(listTopicsOut)
	for _, t := range c.topics {
		out.Topics = append(out.Topics, topicOut{t.ARN})
	}
	return out, nil
}

// opCreateTopic finds a topic of the project by its name, as programs do that create what they
// need.
func (c *Cloud) opCreateTopic(_ context.Context, in *struct{ Name string }) (*topicOut, error) {
	for _, t := range c.topics {
		if t.Name == in.Name {
			return &topicOut{t.ARN}, nil
		}
	}
	text := "gatesock dev makes the topics of the project only, and it has none with the name " + in.Name
	c.refused(text)
	return nil, invalidParameter("Invalid parameter: %s", text)
}

// publishParcel publishes what a rule or the outcome of a function sends to a topic.
func (c *Cloud) publishParcel(ctx context.Context, arn string, p parcel) error {
	t := c.topic(arn)
	if t == nil {
		return fmt.Errorf("%w: the topic %s", errNoTarget, arn)
	}
	_, err := c.publish(ctx, t, &publication{
		Message: string(p.body), Subject: p.subject, MessageAttributes: p.attributes, GroupID: p.group, DedupeID: p.dedupe,
	})
	return err
}

// publish sends a message to the subscriptions whose filters let it pass. It returns when the
// queues have it; functions get it asynchronously.
func (c *Cloud) publish(ctx context.Context, t *topic, p *publication) (*published, error) {
	texts, err := p.check(t)
	if err != nil {
		return nil, err
	}
	p.id = api.NewID()
	for _, s := range t.subscriptions {
		text, ok := texts[s.Protocol]
		if !ok {
			text = texts["default"]
		}
		if s.passes(p, text) {
			c.deliverToSubscription(ctx, t, s, p, text)
		}
	}
	out := &published{MessageID: p.id}
	if t.FIFO {
		c.mu.Lock()
		c.sequence++
		out.SequenceNumber = fmt.Sprintf("1%019d", c.sequence)
		c.mu.Unlock()
	}
	return out, nil
}

// check refuses what SNS refuses, fills in the deduplication ID, and returns the text for each
// protocol.
func (p *publication) check(t *topic) (map[string]string, error) {
	switch {
	case p.Message == "":
		return nil, invalidParameter("Invalid parameter: Empty message")
	case queue.Size(p.Message, p.MessageAttributes) > maxPublish:
		return nil, invalidParameter("Invalid parameter: Message too long")
	case len(p.Subject) > 100 || strings.ContainsAny(p.Subject, "\r\n"):
		return nil, invalidParameter("Invalid parameter: Subject")
	case t.FIFO && p.GroupID == "":
		return nil, invalidParameter("Invalid parameter: The MessageGroupId parameter is required for FIFO topics")
	}
	if t.FIFO && p.DedupeID == "" {
		sum := sha256.Sum256([]byte(p.Message))
		p.DedupeID = hex.EncodeToString(sum[:])
	}
	if p.MessageStructure != "json" {
		return map[string]string{"default": p.Message}, nil
	}
	var texts map[string]string
	if err := json.Unmarshal([]byte(p.Message), &texts); err != nil || texts["default"] == "" {
		return nil, invalidParameter("Invalid parameter: Message Structure - No default entry in JSON message body")
	}
	return texts, nil
}

// passes reports whether the filter of a subscription lets a message pass.
func (s *subscription) passes(p *publication, text string) bool {
	if s.filter == nil {
		return true
	}
	if s.FilterBody {
		return s.filter.MatchJSON([]byte(text))
	}
	attributes := make(map[string]any)
	for name, a := range p.MessageAttributes {
		switch a.DataType {
		case "Binary":
		case "Number":
			attributes[name] = json.Number(a.StringValue)
		case "String.Array":
			if list, err := pattern.Decode([]byte(a.StringValue)); err == nil {
				attributes[name] = list
			}
		default:
			attributes[name] = a.StringValue
		}
	}
	return s.filter.Match(attributes)
}

func (c *Cloud) deliverToSubscription(ctx context.Context, t *topic, s *subscription, p *publication, text string) {
	out := parcel{source: t.ID, group: p.GroupID, dedupe: p.DedupeID}
	switch {
	case s.Protocol == "lambda":
		out.body = c.topicEvent(t, s, p, text)
	case s.Raw:
		out.body, out.attributes = []byte(text), p.MessageAttributes
	default:
		out.body = c.envelope(t, s, p, text)
	}
	begin := c.clock.Now()
	err := c.deliver(ctx, s.Endpoint, out)
	c.log(Event{
		Time: begin, Kind: KindTopic, Source: t.ID, Target: s.Endpoint, Duration: c.clock.Now().Sub(begin), Err: err,
		Attempts: 1, Records: 1,
	})
	if err != nil && s.DeadLetter != "" {
		c.deliverAndLog(ctx, KindDeadLetter, t.ID, s.DeadLetter, out)
	}
}

// notice is a message as SNS delivers it, to a queue in one spelling and to a function in another.
func (c *Cloud) notification(t *topic, s *subscription, p *publication, text string) map[string]any {
	attributes := make(map[string]any)
	for name, a := range p.MessageAttributes {
		value := any(a.StringValue)
		if a.DataType == "Binary" {
			value = a.BinaryValue
		}
		attributes[name] = map[string]any{"Type": a.DataType, "Value": value}
	}
	return map[string]any{
		"Type": "Notification", "MessageId": p.id, "TopicArn": t.ARN, "Message": text, "MessageAttributes": attributes,
		"Timestamp": c.clock.Now().UTC().Format(timestampFormat), "SignatureVersion": "1", "Signature": "gatesock-dev-does-not-sign",
		"UnsubscribeURL": "https://sns." + c.cfg.Project.Region + ".amazonaws.com/?Action=Unsubscribe&SubscriptionArn=" + s.arn,
		"SigningCertURL": "https://sns." + c.cfg.Project.Region + ".amazonaws.com/SimpleNotificationService-gatesock.pem",
	}
}

func (c *Cloud) envelope(t *topic, s *subscription, p *publication, text string) []byte {
	n := c.notification(t, s, p, text)
	if p.Subject != "" {
		n["Subject"] = p.Subject
	}
	if len(p.MessageAttributes) == 0 {
		delete(n, "MessageAttributes")
	}
	return mustJSON(n)
}

func (c *Cloud) topicEvent(t *topic, s *subscription, p *publication, text string) []byte {
	n := c.notification(t, s, p, text)
	n["SigningCertUrl"], n["UnsubscribeUrl"] = n["SigningCertURL"], n["UnsubscribeURL"]
	delete(n, "SigningCertURL")
	delete(n, "UnsubscribeURL")
	n["Subject"] = nil
	if p.Subject != "" {
		n["Subject"] = p.Subject
	}
	return mustJSON(map[string]any{"Records": []any{map[string]any{
		"EventVersion": "1.0", "EventSubscriptionArn": s.arn, "EventSource": "aws:sns", "Sns": n,
	}}})
}
