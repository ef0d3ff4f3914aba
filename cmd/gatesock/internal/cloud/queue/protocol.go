package queue

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
)

// ServeHTTP serves a request in one of the protocols of SQS.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.service.ServeHTTP(w, r) }

func (s *Service) protocol() *api.Service {
	return &api.Service{
		Name: "sqs", Namespace: "http://queue.amazonaws.com/doc/2012-11-05/", Types: "com.amazonaws.sqs#",
		JSON: "1.0", Query: true, Refused: s.cfg.Refused,
		Operations: map[string]api.Operation{
			"CreateQueue":                  api.Op(s.opCreate),
			"DeleteQueue":                  api.Op(s.opDeleteQueue),
			"GetQueueUrl":                  api.Op(s.opGetURL),
			"ListQueues":                   api.Op(s.opList),
			"PurgeQueue":                   api.Op(s.opPurge),
			"GetQueueAttributes":           api.Op(s.opGetAttributes),
			"SetQueueAttributes":           api.Op(s.opSetAttributes),
			"ListDeadLetterSourceQueues":   api.Op(s.opSources),
			"TagQueue":                     api.Op(s.opTag),
			"UntagQueue":                   api.Op(s.opUntag),
			"ListQueueTags":                api.Op(s.opTags),
			"SendMessage":                  api.Op(s.opSend),
			"SendMessageBatch":             api.Op(s.opSendBatch),
			"ReceiveMessage":               api.Op(s.opReceive),
			"DeleteMessage":                api.Op(s.opDelete),
			"DeleteMessageBatch":           api.Op(s.opDeleteBatch),
			"ChangeMessageVisibility":      api.Op(s.opVisibility),
			"ChangeMessageVisibilityBatch": api.Op(s.opVisibilityBatch),
		},
	}
}

type createIn struct {
	QueueName  string
	Attributes map[string]string `query:"Attribute,Name,Value"`
	Tags       map[string]string `query:"Tag,Key,Value"`
}

type urlOut struct{ QueueUrl string } //nolint:revive // the service's name

func (s *Service) opCreate(_ context.Context, in *createIn) (*urlOut, error) {
	url, err := s.Create(in.QueueName, in.Attributes, in.Tags)
	return &urlOut{url}, err
}

type queueIn struct{ QueueUrl string } //nolint:revive // the service's name

func (s *Service) opDeleteQueue(_ context.Context, in *queueIn) (*api.Nothing, error) {
	return &api.Nothing{}, s.DeleteQueue(in.QueueUrl)
}

func (s *Service) opGetURL(_ context.Context, in *struct{ QueueName string }) (*urlOut, error) {
	if in.QueueName == "" {
		return nil, missing("QueueName")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(in.QueueName)
	if err != nil {
		return nil, err
	}
	return &urlOut{s.URL(q.name)}, nil
}

type urlsOut struct {
	QueueUrls []string `json:",omitempty" query:"QueueUrl"`
}

func (s *Service) opList(_ context.Context, in *struct{ QueueNamePrefix string }) (*urlsOut, error) {
	return &urlsOut{s.urls(s.Names(in.QueueNamePrefix))}, nil
}

func (s *Service) urls(names []string) []string {
	urls := make([]string, len(names))
	for i, name := range names {
		urls[i] = s.URL(name)
	}
	return urls
}

type sourcesOut struct {
	QueueURLs []string `json:"queueUrls" query:"QueueUrl"`
}

func (s *Service) opSources(_ context.Context, in *queueIn) (*sourcesOut, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	return &sourcesOut{s.urls(s.sourcesOf(q))}, nil
}

func (s *Service) opPurge(_ context.Context, in *queueIn) (*api.Nothing, error) {
	return &api.Nothing{}, s.Purge(in.QueueUrl)
}

type getAttributesIn struct {
	QueueUrl       string   //nolint:revive // the service's name
	AttributeNames []string `query:"AttributeName"`
}

type attributesOut struct {
	Attributes map[string]string `json:",omitempty" query:"Attribute,Name,Value"`
}

func (s *Service) opGetAttributes(_ context.Context, in *getAttributesIn) (*attributesOut, error) {
	all, err := s.Attributes(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	out := &attributesOut{make(map[string]string)}
	for name, value := range all {
		if slices.Contains(in.AttributeNames, "All") || slices.Contains(in.AttributeNames, name) {
			out.Attributes[name] = value
		}
	}
	return out, nil
}

type setAttributesIn struct {
	QueueUrl   string            //nolint:revive // the service's name
	Attributes map[string]string `query:"Attribute,Name,Value"`
}

func (s *Service) opSetAttributes(_ context.Context, in *setAttributesIn) (*api.Nothing, error) {
	return &api.Nothing{}, s.Set(in.QueueUrl, in.Attributes)
}

type tagIn struct {
	QueueUrl string            //nolint:revive // the service's name
	Tags     map[string]string `query:"Tag,Key,Value"`
	TagKeys  []string          `query:"TagKey"`
}

func (s *Service) opTag(_ context.Context, in *tagIn) (*api.Nothing, error) {
	return &api.Nothing{}, s.tag(in, func(tags map[string]string) {
		for k, v := range in.Tags {
			tags[k] = v
		}
	})
}

func (s *Service) opUntag(_ context.Context, in *tagIn) (*api.Nothing, error) {
	return &api.Nothing{}, s.tag(in, func(tags map[string]string) {
		for _, k := range in.TagKeys {
			delete(tags, k)
		}
	})
}

type tagsOut struct {
	Tags map[string]string `json:",omitempty" query:"Tag,Key,Value"`
}

func (s *Service) opTags(_ context.Context, in *tagIn) (*tagsOut, error) {
	out := &tagsOut{make(map[string]string)}
	return out, s.tag(in, func(tags map[string]string) {
		for k, v := range tags {
			out.Tags[k] = v
		}
	})
}

func (s *Service) tag(in *tagIn, f func(tags map[string]string)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(in.QueueUrl)
	if err != nil {
		return err
	}
	f(q.tags)
	return nil
}

type sendIn struct {
	QueueUrl string //nolint:revive // the service's name
	sendEntry
}

// sendEntry is a message, alone or of a batch.
type sendEntry struct {
	ID                      string `json:"Id" query:"Id"`
	MessageBody             string
	DelaySeconds            *int
	MessageAttributes       map[string]Attribute `query:"MessageAttribute,Name,Value"`
	MessageSystemAttributes map[string]Attribute `query:"MessageSystemAttribute,Name,Value"`
	MessageDeduplicationID  string               `json:"MessageDeduplicationId" query:"MessageDeduplicationId"`
	MessageGroupID          string               `json:"MessageGroupId" query:"MessageGroupId"`
}

func (e sendEntry) message() Send {
	return Send{
		Body: e.MessageBody, Attributes: e.MessageAttributes, Trace: e.MessageSystemAttributes["AWSTraceHeader"].StringValue,
		Delay: e.DelaySeconds, GroupID: e.MessageGroupID, DedupeID: e.MessageDeduplicationID,
	}
}

type sendOut struct {
	ID                     string `json:"Id,omitempty" query:"Id"`
	MessageID              string `json:"MessageId" query:"MessageId"`
	MD5OfMessageBody       string
	MD5OfMessageAttributes string `json:",omitempty"`
	SequenceNumber         string `json:",omitempty"`
}

func (s *Service) opSend(_ context.Context, in *sendIn) (*sendOut, error) {
	sent, err := s.Send(in.QueueUrl, in.message())
	return &sendOut{"", sent.ID, sent.BodyMD5, sent.AttributesMD5, sent.Sequence}, err
}

type failed struct {
	ID          string `json:"Id" query:"Id"`
	Code        string
	Message     string
	SenderFault bool
}

type batchID struct {
	ID string `json:"Id" query:"Id"`
}

type sendBatchIn struct {
	QueueUrl string      //nolint:revive // the service's name
	Entries  []sendEntry `query:"SendMessageBatchRequestEntry"`
}

type sendBatchOut struct {
	Successful []sendOut `query:"SendMessageBatchResultEntry"`
	Failed     []failed  `json:",omitempty" query:"BatchResultErrorEntry"`
}

func (s *Service) opSendBatch(_ context.Context, in *sendBatchIn) (*sendBatchOut, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(in.QueueUrl)
	if err != nil {
		return nil, err
	}
	size := 0
	for _, e := range in.Entries {
		size += Size(e.MessageBody, e.MessageAttributes)
	}
	if size > MaxSize {
		return nil, batchError("BatchRequestTooLong", "Batch requests cannot be longer than 1048576 bytes. You have sent a longer one.")
	}
	out := &sendBatchOut{Successful: []sendOut{}}
	out.Failed, err = batch(in.Entries, func(e sendEntry) string { return e.ID }, func(e sendEntry) error {
		sent, err := s.send(q, e.message())
		if err == nil {
			out.Successful = append(out.Successful, sendOut{e.ID, sent.ID, sent.BodyMD5, sent.AttributesMD5, sent.Sequence})
		}
		return err
	})
	return out, err
}

func batchError(code, message string) error {
	return &api.Error{Code: code, QueryCode: "AWS.SimpleQueueService." + code, Message: message}
}

// batch handles the entries of a batch, and returns those that have failed. An error means that
// none was handled.
func batch[E any](entries []E, id func(E) string, handle func(E) error) ([]failed, error) {
	if len(entries) == 0 {
		return nil, batchError("EmptyBatchRequest", "There should be at least one entry in the request.")
	}
	if len(entries) > maxBatch {
		return nil, batchError("TooManyEntriesInBatchRequest", "Maximum number of entries per request are 10.")
	}
	seen := make(map[string]bool)
	for _, e := range entries {
		name := id(e)
		if name == "" || len(name) > 80 || strings.Trim(name, letters) != "" {
			return nil, batchError("InvalidBatchEntryId", "A batch entry id can only contain alphanumeric characters, hyphens and underscores. It can be at most 80 letters long.")
		}
		if seen[name] {
			return nil, batchError("BatchEntryIdsNotDistinct", "Id "+name+" repeated.")
		}
		seen[name] = true
	}
	var bad []failed
	for _, e := range entries {
		if err := handle(e); err != nil {
			f := failed{ID: id(e), Code: "InternalFailure", Message: err.Error(), SenderFault: true}
			if known, ok := err.(*api.Error); ok { //nolint:errorlint // the errors of this package are not wrapped
				f.Code, f.Message = known.Code, known.Message
			}
			bad = append(bad, f)
		}
	}
	return bad, nil
}

type receiveIn struct {
	QueueUrl                    string //nolint:revive // the service's name
	MaxNumberOfMessages         *int
	VisibilityTimeout           *int
	WaitTimeSeconds             *int
	AttributeNames              []string `query:"AttributeName"`
	MessageSystemAttributeNames []string `query:"MessageSystemAttributeName"`
	MessageAttributeNames       []string `query:"MessageAttributeName"`
}

type receiveOut struct {
	Messages []messageOut `json:",omitempty" query:"Message"`
}

type messageOut struct {
	MessageID              string `json:"MessageId" query:"MessageId"`
	ReceiptHandle          string
	MD5OfBody              string
	Body                   string
	Attributes             map[string]string    `json:",omitempty" query:"Attribute,Name,Value"`
	MessageAttributes      map[string]Attribute `json:",omitempty" query:"MessageAttribute,Name,Value"`
	MD5OfMessageAttributes string               `json:",omitempty"`
}

func (s *Service) opReceive(ctx context.Context, in *receiveIn) (*receiveOut, error) {
	r := Receive{Most: 1, Wait: duration(in.WaitTimeSeconds), Visibility: duration(in.VisibilityTimeout)}
	if in.MaxNumberOfMessages != nil {
		r.Most = *in.MaxNumberOfMessages
	}
	messages, err := s.Receive(ctx, in.QueueUrl, r)
	if err != nil {
		return nil, err
	}
	out := new(receiveOut)
	for _, m := range messages {
		o := messageOut{
			MessageID: m.ID, ReceiptHandle: m.Receipt, MD5OfBody: m.BodyMD5, Body: m.Body,
			Attributes: make(map[string]string), MessageAttributes: make(map[string]Attribute),
		}
		for name, value := range m.System {
			wanted := slices.Concat(in.AttributeNames, in.MessageSystemAttributeNames)
			if slices.Contains(wanted, "All") || slices.Contains(wanted, name) {
				o.Attributes[name] = value
			}
		}
		for name, value := range m.Attributes {
			if slices.ContainsFunc(in.MessageAttributeNames, func(pattern string) bool { return wants(pattern, name) }) {
				o.MessageAttributes[name] = value
			}
		}
		o.MD5OfMessageAttributes = AttributesMD5(o.MessageAttributes)
		out.Messages = append(out.Messages, o)
	}
	return out, nil
}

// wants reports whether a pattern of MessageAttributeNames selects an attribute.
func wants(pattern, name string) bool {
	prefix, all := strings.CutSuffix(pattern, ".*")
	return pattern == "All" || pattern == name || all && strings.HasPrefix(name, prefix)
}

func duration(seconds *int) *time.Duration {
	if seconds == nil {
		return nil
	}
	d := time.Duration(*seconds) * time.Second
	return &d
}

type deleteIn struct {
	QueueUrl      string //nolint:revive // the service's name
	ReceiptHandle string
}

func (s *Service) opDelete(_ context.Context, in *deleteIn) (*api.Nothing, error) {
	return &api.Nothing{}, s.Delete(in.QueueUrl, in.ReceiptHandle)
}

type receiptEntry struct {
	ID                string `json:"Id" query:"Id"`
	ReceiptHandle     string
	VisibilityTimeout *int
}

type deleteBatchIn struct {
	QueueUrl string         //nolint:revive // the service's name
	Entries  []receiptEntry `query:"DeleteMessageBatchRequestEntry"`
}

type deleteBatchOut struct {
	Successful []batchID `query:"DeleteMessageBatchResultEntry"`
	Failed     []failed  `json:",omitempty" query:"BatchResultErrorEntry"`
}

func (s *Service) opDeleteBatch(_ context.Context, in *deleteBatchIn) (*deleteBatchOut, error) {
	good, bad, err := s.receipts(in.QueueUrl, in.Entries, func(q *queue, e receiptEntry) error {
		return s.delete(q, e.ReceiptHandle)
	})
	return &deleteBatchOut{good, bad}, err
}

// receipts handles the entries of a batch, each with a receipt.
func (s *Service) receipts(
	ref string, entries []receiptEntry, handle func(*queue, receiptEntry) error,
) ([]batchID, []failed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(ref)
	if err != nil {
		return nil, nil, err
	}
	good := []batchID{}
	bad, err := batch(entries, func(e receiptEntry) string { return e.ID }, func(e receiptEntry) error {
		err := handle(q, e)
		if err == nil {
			good = append(good, batchID{e.ID})
		}
		return err
	})
	return good, bad, err
}

type visibilityIn struct {
	QueueUrl          string //nolint:revive // the service's name
	ReceiptHandle     string
	VisibilityTimeout *int
}

func (s *Service) opVisibility(_ context.Context, in *visibilityIn) (*api.Nothing, error) {
	if in.VisibilityTimeout == nil {
		return nil, missing("VisibilityTimeout")
	}
	return &api.Nothing{}, s.ChangeVisibility(in.QueueUrl, in.ReceiptHandle, *duration(in.VisibilityTimeout))
}

type visibilityBatchIn struct {
	QueueUrl string         //nolint:revive // the service's name
	Entries  []receiptEntry `query:"ChangeMessageVisibilityBatchRequestEntry"`
}

type visibilityBatchOut struct {
	Successful []batchID `query:"ChangeMessageVisibilityBatchResultEntry"`
	Failed     []failed  `json:",omitempty" query:"BatchResultErrorEntry"`
}

func (s *Service) opVisibilityBatch(_ context.Context, in *visibilityBatchIn) (*visibilityBatchOut, error) {
	good, bad, err := s.receipts(in.QueueUrl, in.Entries, func(q *queue, e receiptEntry) error {
		if e.VisibilityTimeout == nil {
			return missing("VisibilityTimeout")
		}
		return s.changeVisibility(q, e.ReceiptHandle, *duration(e.VisibilityTimeout))
	})
	return &visibilityBatchOut{good, bad}, err
}
