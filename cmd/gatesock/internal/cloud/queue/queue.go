// Package queue is SQS in one process: standard and FIFO queues with visibility timeouts, delays,
// long polling, deduplication and dead-letter queues, for callers in Go and as an [http.Handler]
// that speaks both protocols of SQS, JSON and Query. Nothing outlives the process.
package queue

import (
	"cmp"
	"container/list"
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/cloud/api"
	"github.com/gatesock/gatesock/emulator"
)

// Limits of SQS.
const (
	// MaxSize is the most bytes of a message, and of a batch of them.
	MaxSize       = 1 << 20
	maxBatch      = 10
	maxAttributes = 10
	maxVisibility = 12 * time.Hour
	maxDelay      = 15 * time.Minute
	maxWait       = 20 * time.Second
	dedupeFor     = 5 * time.Minute
)

// Config is the account of the queues, and their clock.
type Config struct {
	// Region and AccountID are in ARNs and URLs.
	Region, AccountID string
	// Clock is the time of everything; it is needed.
	Clock emulator.Clock
	// Refused is told what is asked for and not there; it may be nil.
	Refused func(text string)
	// Buried is told the names of two queues when a message has gone from the first to the second, its
	// dead-letter queue, and how often it was received. It may be nil, and must not call the service.
	Buried func(from, to string, receives int)
}

// Service has queues. It is safe for concurrent use.
type Service struct {
	cfg     Config
	service *api.Service

	mu       sync.Mutex
	queues   map[string]*queue
	sequence uint64
}

// New returns a service without queues.
func New(cfg Config) *Service {
	s := &Service{cfg: cfg, queues: make(map[string]*queue)}
	s.service = s.protocol()
	return s
}

// queue is one queue. The service's mutex guards it.
type queue struct {
	name               string
	fifo               bool
	attributes         map[string]string // those that were set, with defaults for the rest
	tags               map[string]string
	created, modified  time.Time
	purged             time.Time
	messages           list.List // of *message, in the order in which they came
	byID               map[string]*list.Element
	duplicates         map[string]duplicate // by deduplication ID
	changed            chan struct{}        // closed when there may be more to receive than before
	visibility, delay  time.Duration
	retention, polling time.Duration
	maxSize            int
	deadLetters        string // the name of the dead-letter queue
	maxReceives        int
}

// duplicate is what a later message with the same deduplication ID is taken for.
type duplicate struct {
	until time.Time
	sent  Sent
}

type message struct {
	id, body      string
	attributes    map[string]Attribute
	trace         string
	group, dedupe string
	sequence      string
	sent          time.Time
	first         time.Time // when it was received first
	receives      int
	visible       time.Time // when it is visible again, or first
	source        string    // the ARN of the queue that it was a dead letter of
	receipt       int       // the number of the last receipt; 0 if it was not received from this queue
}

// Attribute is an attribute of a message, with one of the two values.
type Attribute struct {
	DataType    string `json:",omitempty"`
	StringValue string `json:",omitempty"`
	BinaryValue []byte `json:",omitempty"`
}

// Send is a message to be sent.
type Send struct {
	Body       string
	Attributes map[string]Attribute
	// Trace is the trace header of X-Ray, or empty.
	Trace string
	// Delay is how many seconds it stays invisible; nil is the queue's own delay.
	Delay *int
	// GroupID and DedupeID are for FIFO queues. If DedupeID is empty and the queue does not
	// deduplicate by content, the message is refused.
	GroupID, DedupeID string
}

// Sent is what the sender gets.
type Sent struct {
	ID, Sequence           string
	BodyMD5, AttributesMD5 string
}

// Message is a message that was received.
type Message struct {
	ID, Receipt, Body string
	BodyMD5           string
	// System are the attributes that SQS adds, such as "ApproximateReceiveCount".
	System     map[string]string
	Attributes map[string]Attribute
	Sent       time.Time
}

// ARN returns the ARN of a queue by its name.
func (s *Service) ARN(name string) string {
	return "arn:aws:sqs:" + s.cfg.Region + ":" + s.cfg.AccountID + ":" + name
}

// URL returns the URL of a queue by its name.
func (s *Service) URL(name string) string {
	return "https://sqs." + s.cfg.Region + ".amazonaws.com/" + s.cfg.AccountID + "/" + name
}

// nameOf returns the name of a queue from its name, ARN or URL.
func nameOf(ref string) string { return ref[strings.LastIndexAny(ref, ":/")+1:] }

// get returns a queue by its name, ARN or URL.
func (s *Service) get(ref string) (*queue, error) {
	if ref == "" {
		return nil, missing("QueueUrl")
	}
	if q := s.queues[nameOf(ref)]; q != nil {
		return q, nil
	}
	return nil, &api.Error{
		Code: "QueueDoesNotExist", QueryCode: "AWS.SimpleQueueService.NonExistentQueue",
		Message: "The specified queue does not exist: " + ref,
	}
}

// Exists reports whether there is a queue with a name, an ARN or a URL.
func (s *Service) Exists(ref string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queues[nameOf(ref)] != nil
}

func missing(parameter string) error {
	return api.Errorf("MissingParameter", "The request must contain the parameter %s.", parameter)
}

func invalid(format string, args ...any) error {
	return api.Errorf("InvalidParameterValue", format, args...)
}

func badAttribute(name, value string) error {
	return api.Errorf("InvalidAttributeValue", "Invalid value for the parameter %s: %s.", name, value)
}

// defaults are the attributes of a queue that sets none.
func defaults() map[string]string {
	return map[string]string{
		"VisibilityTimeout": "30", "DelaySeconds": "0", "MaximumMessageSize": strconv.Itoa(MaxSize),
		"MessageRetentionPeriod": "345600", "ReceiveMessageWaitTimeSeconds": "0", "SqsManagedSseEnabled": "true",
	}
}

// Create makes a queue and returns its URL. A queue with the same name and attributes is there
// already if there is one; other attributes are an error.
func (s *Service) Create(name string, attributes, tags map[string]string) (url string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fifo := attributes["FifoQueue"] == "true"
	if err := checkName(name, fifo); err != nil {
		return "", err
	}
	if q := s.queues[name]; q != nil {
		for k, v := range attributes {
			if q.attributes[k] != v {
				return "", &api.Error{
					Code: "QueueNameExists", QueryCode: "QueueAlreadyExists",
					Message: "A queue already exists with the same name and a different value for attribute " + k,
				}
			}
		}
		return s.URL(name), nil
	}
	now := s.cfg.Clock.Now()
	q := &queue{
		name: name, fifo: fifo, created: now, attributes: defaults(), tags: maps.Clone(tags),
		byID: make(map[string]*list.Element), duplicates: make(map[string]duplicate), changed: make(chan struct{}),
	}
	if q.tags == nil {
		q.tags = make(map[string]string)
	}
	if fifo {
		maps.Copy(q.attributes, map[string]string{
			"FifoQueue": "true", "ContentBasedDeduplication": "false", "DeduplicationScope": "queue",
			"FifoThroughputLimit": "perQueue",
		})
	}
	if err := s.set(q, attributes, true); err != nil {
		return "", err
	}
	s.queues[name] = q
	return s.URL(name), nil
}

func checkName(name string, fifo bool) error {
	plain, isFIFO := strings.CutSuffix(name, ".fifo")
	switch {
	case name == "":
		return missing("QueueName")
	case isFIFO != fifo:
		return invalid("The name of a FIFO queue, and of no other, ends in .fifo, and it has the attribute FifoQueue: %s", name)
	case len(name) > 80 || strings.Trim(plain, letters) != "":
		return invalid("Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length")
	}
	return nil
}

const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"

// Set changes attributes of a queue.
func (s *Service) Set(ref string, attributes map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(ref)
	if err != nil {
		return err
	}
	return s.set(q, attributes, false)
}

// set changes all the attributes or none.
func (s *Service) set(q *queue, attributes map[string]string, creating bool) error {
	next := *q
	next.attributes = maps.Clone(q.attributes)
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		value := attributes[name]
		if err := next.setOne(name, value, creating); err != nil {
			return err
		}
		if value == "" {
			delete(next.attributes, name)
			continue
		}
		next.attributes[name] = value
	}
	next.visibility, next.delay = seconds(next.attributes["VisibilityTimeout"]), seconds(next.attributes["DelaySeconds"])
	next.retention = seconds(next.attributes["MessageRetentionPeriod"])
	next.polling = seconds(next.attributes["ReceiveMessageWaitTimeSeconds"])
	next.maxSize, _ = strconv.Atoi(next.attributes["MaximumMessageSize"]) // setOne has checked it
	q.attributes, q.visibility, q.delay, q.retention = next.attributes, next.visibility, next.delay, next.retention
	q.polling, q.maxSize, q.deadLetters, q.maxReceives = next.polling, next.maxSize, next.deadLetters, next.maxReceives
	q.modified = s.cfg.Clock.Now()
	return nil
}

func seconds(text string) time.Duration {
	n, _ := strconv.Atoi(text) // setOne has checked it
	return time.Duration(n) * time.Second
}

// setOne checks an attribute, and sets what is not a plain value.
func (q *queue) setOne(name, value string, creating bool) error {
	number := func(least, most int) error {
		if n, err := strconv.Atoi(value); err != nil || n < least || n > most {
			return badAttribute(name, value)
		}
		return nil
	}
	switch name {
	case "VisibilityTimeout":
		return number(0, int(maxVisibility/time.Second))
	case "DelaySeconds":
		return number(0, int(maxDelay/time.Second))
	case "MaximumMessageSize":
		return number(1024, MaxSize)
	case "MessageRetentionPeriod":
		return number(60, 1209600)
	case "ReceiveMessageWaitTimeSeconds":
		return number(0, int(maxWait/time.Second))
	case "FifoQueue":
		if value != strconv.FormatBool(q.fifo) || !q.fifo || !creating {
			return api.Errorf("InvalidAttributeName", "Unknown Attribute FifoQueue.")
		}
	case "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit":
		if !q.fifo {
			return api.Errorf("InvalidAttributeName", "Unknown Attribute %s: it is one of FIFO queues.", name)
		}
	case "RedrivePolicy":
		return q.setRedrive(value)
	case "Policy", "RedriveAllowPolicy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled":
	default:
		return api.Errorf("InvalidAttributeName", "Unknown Attribute %s.", name)
	}
	return nil
}

func (q *queue) setRedrive(value string) error {
	q.deadLetters, q.maxReceives = "", 0
	if value == "" {
		return nil
	}
	var policy struct {
		Target string `json:"deadLetterTargetArn"`
		Max    any    `json:"maxReceiveCount"`
	}
	if err := json.Unmarshal([]byte(value), &policy); err != nil {
		return badAttribute("RedrivePolicy", value)
	}
	n, err := strconv.Atoi(fmt.Sprint(policy.Max))
	if err != nil || n < 1 || n > 1000 || policy.Target == "" {
		return badAttribute("RedrivePolicy", value)
	}
	if strings.HasSuffix(policy.Target, ".fifo") != q.fifo {
		return invalid("The dead-letter queue of a FIFO queue must be a FIFO queue, and that of a standard queue a standard one: %s", policy.Target)
	}
	q.deadLetters, q.maxReceives = nameOf(policy.Target), n
	return nil
}

// DeleteQueue deletes a queue with its messages.
func (s *Service) DeleteQueue(ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(ref)
	if err != nil {
		return err
	}
	delete(s.queues, q.name)
	q.wake()
	return nil
}

// Names returns the names of the queues that begin with a prefix, in order.
func (s *Service) Names(prefix string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.queues)), func(name string) bool {
		return !strings.HasPrefix(name, prefix)
	})
}

// Attributes returns all attributes of a queue.
func (s *Service) Attributes(ref string) (map[string]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(ref)
	if err != nil {
		return nil, err
	}
	now := s.cfg.Clock.Now()
	q.expire(now)
	visible, hidden, delayed := 0, 0, 0
	for e := q.messages.Front(); e != nil; e = e.Next() {
		switch m := e.Value.(*message); {
		case !m.visible.After(now):
			visible++
		case m.receipt > 0:
			hidden++
		default:
			delayed++
		}
	}
	all := maps.Clone(q.attributes)
	all["QueueArn"] = s.ARN(q.name)
	all["CreatedTimestamp"] = strconv.FormatInt(q.created.Unix(), 10)
	all["LastModifiedTimestamp"] = strconv.FormatInt(q.modified.Unix(), 10)
	all["ApproximateNumberOfMessages"] = strconv.Itoa(visible)
	all["ApproximateNumberOfMessagesNotVisible"] = strconv.Itoa(hidden)
	all["ApproximateNumberOfMessagesDelayed"] = strconv.Itoa(delayed)
	return all, nil
}

// Purge deletes the messages of a queue.
func (s *Service) Purge(ref string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(ref)
	if err != nil {
		return err
	}
	now := s.cfg.Clock.Now()
	if !q.purged.IsZero() && now.Sub(q.purged) < time.Minute {
		return &api.Error{
			Code: "PurgeQueueInProgress", QueryCode: "AWS.SimpleQueueService.PurgeQueueInProgress", Status: 403,
			Message: "Only one PurgeQueue operation on " + q.name + " is allowed every 60 seconds.",
		}
	}
	q.purged = now
	q.messages.Init()
	clear(q.byID)
	return nil
}

// Send sends a message to a queue.
func (s *Service) Send(ref string, m Send) (Sent, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(ref)
	if err != nil {
		return Sent{}, err
	}
	return s.send(q, m)
}

func (s *Service) send(q *queue, in Send) (Sent, error) {
	if err := q.check(&in); err != nil {
		return Sent{}, err
	}
	now := s.cfg.Clock.Now()
	sent := Sent{BodyMD5: bodyMD5(in.Body), AttributesMD5: AttributesMD5(in.Attributes)}
	key := in.DedupeID
	if q.attributes["DeduplicationScope"] == "messageGroup" {
		key = in.GroupID + "\x00" + key
	}
	if q.fifo {
		maps.DeleteFunc(q.duplicates, func(_ string, d duplicate) bool { return !d.until.After(now) })
		if d, ok := q.duplicates[key]; ok {
			sent.ID, sent.Sequence = d.sent.ID, d.sent.Sequence
			return sent, nil
		}
		s.sequence++
		sent.Sequence = fmt.Sprintf("188%017d", s.sequence*256) // 20 digits, as SQS has them
	}
	sent.ID = api.NewID()
	if q.fifo {
		q.duplicates[key] = duplicate{now.Add(dedupeFor), sent}
	}
	delay := q.delay
	if in.Delay != nil {
		delay = time.Duration(*in.Delay) * time.Second
	}
	q.push(&message{
		id: sent.ID, body: in.Body, attributes: in.Attributes, trace: in.Trace, group: in.GroupID, dedupe: in.DedupeID,
		sequence: sent.Sequence, sent: now, visible: now.Add(delay),
	})
	return sent, nil
}

// check refuses what SQS refuses, and fills in the deduplication ID.
func (q *queue) check(in *Send) error {
	if in.Body == "" {
		return missing("MessageBody")
	}
	if i := strings.IndexFunc(in.Body, notAllowed); i >= 0 || !utf8.ValidString(in.Body) {
		return api.Errorf("InvalidMessageContents", "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF")
	}
	size := Size(in.Body, in.Attributes)
	if size > q.maxSize {
		return invalid("One or more parameters are invalid. Reason: Message must be shorter than %d bytes.", q.maxSize)
	}
	if err := checkAttributes(in.Attributes); err != nil {
		return err
	}
	if in.Delay != nil {
		if *in.Delay < 0 || *in.Delay > int(maxDelay/time.Second) {
			return invalid("Value %d for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.", *in.Delay)
		}
		if q.fifo && *in.Delay > 0 {
			return invalid("Value %d for parameter DelaySeconds is invalid. Reason: The request include parameter that is not valid for this queue type", *in.Delay)
		}
	}
	if !q.fifo {
		if in.DedupeID != "" {
			return invalid("The parameter MessageDeduplicationId is one of FIFO queues, and %s is a standard queue.", q.name)
		}
		return nil
	}
	if in.GroupID == "" {
		return missing("MessageGroupId")
	}
	if in.DedupeID == "" {
		if q.attributes["ContentBasedDeduplication"] != "true" {
			return invalid("The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly")
		}
		sum := sha256.Sum256([]byte(in.Body))
		in.DedupeID = hex.EncodeToString(sum[:])
	}
	return nil
}

func notAllowed(r rune) bool {
	return r < 0x20 && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF
}

func checkAttributes(attributes map[string]Attribute) error {
	if len(attributes) > maxAttributes {
		return invalid("Number of message attributes [%d] exceeds the allowed maximum [%d].", len(attributes), maxAttributes)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		kind, _, _ := strings.Cut(a.DataType, ".")
		switch {
		case name == "" || len(name) > 256 || strings.Trim(name, letters+".") != "":
			return invalid("The message attribute name '%s' is invalid. Attribute name can contain A-Z, a-z, 0-9, underscore (_), hyphen (-), and period (.) characters.", name)
		case kind != "String" && kind != "Number" && kind != "Binary":
			return invalid("The message attribute '%s' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String.", name)
		case kind == "Binary" && len(a.BinaryValue) == 0, kind != "Binary" && a.StringValue == "":
			return invalid("The message attribute '%s' must contain non-empty message attribute value for message attribute type '%s'.", name, a.DataType)
		case kind == "Number":
			if _, err := strconv.ParseFloat(a.StringValue, 64); err != nil {
				return invalid("Can't cast the value of message (user) attribute '%s' to a number.", name)
			}
		}
	}
	return nil
}

// Size returns how many bytes of a message count for the limit.
func Size(body string, attributes map[string]Attribute) int {
	n := len(body)
	for name, a := range attributes {
		n += len(name) + len(a.DataType) + len(a.StringValue) + len(a.BinaryValue)
	}
	return n
}

func bodyMD5(body string) string {
	sum := md5.Sum([]byte(body))
	return hex.EncodeToString(sum[:])
}

// AttributesMD5 returns the digest of attributes with which SDKs check that SQS has got them; empty
// if there are none.
func AttributesMD5(attributes map[string]Attribute) string {
	if len(attributes) == 0 {
		return ""
	}
	var b []byte
	add := func(text string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(text)))
		b = append(b, text...)
	}
	for _, name := range slices.Sorted(maps.Keys(attributes)) {
		a := attributes[name]
		add(name)
		add(a.DataType)
		if strings.HasPrefix(a.DataType, "Binary") {
			b = append(b, 2)
			add(string(a.BinaryValue))
			continue
		}
		b = append(b, 1)
		add(a.StringValue)
	}
	sum := md5.Sum(b)
	return hex.EncodeToString(sum[:])
}

func (q *queue) push(m *message) {
	q.byID[m.id] = q.messages.PushBack(m)
	q.wake()
}

func (q *queue) remove(m *message) {
	if e := q.byID[m.id]; e != nil {
		q.messages.Remove(e)
		delete(q.byID, m.id)
	}
}

// wake lets those that wait for messages look again.
func (q *queue) wake() {
	close(q.changed)
	q.changed = make(chan struct{})
}

// expire drops the messages that are older than the queue keeps them.
func (q *queue) expire(now time.Time) {
	for e := q.messages.Front(); e != nil; {
		m, next := e.Value.(*message), e.Next()
		if m.sent.Add(q.retention).After(now) {
			return
		}
		q.remove(m)
		e = next
	}
}

// handle is what a receipt is made of.
func (q *queue) handle(m *message) string {
	return base64.StdEncoding.EncodeToString([]byte("gatesock\n" + q.name + "\n" + m.id + "\n" + strconv.Itoa(m.receipt)))
}

// find returns the message of a receipt, or nil if it is gone or was received since.
func (q *queue) find(receipt string) (*message, error) {
	if receipt == "" {
		return nil, missing("ReceiptHandle")
	}
	text, err := base64.StdEncoding.DecodeString(receipt)
	parts := strings.Split(string(text), "\n")
	if err != nil || len(parts) != 4 || parts[0] != "gatesock" || parts[1] != q.name {
		return nil, api.Errorf("ReceiptHandleIsInvalid", "The input receipt handle \"%s\" is not a valid receipt handle.", receipt)
	}
	e := q.byID[parts[2]]
	if e == nil {
		return nil, nil //nolint:nilnil // it is gone, which may be
	}
	m := e.Value.(*message)
	if n, err := strconv.Atoi(parts[3]); err != nil || n != m.receipt {
		return nil, nil //nolint:nilnil // an older receipt changes nothing
	}
	return m, nil
}

// Delete deletes the message of a receipt. A message that is gone, or was received again since, is
// left alone.
func (s *Service) Delete(ref, receipt string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(ref)
	if err != nil {
		return err
	}
	return s.delete(q, receipt)
}

func (s *Service) delete(q *queue, receipt string) error {
	m, err := q.find(receipt)
	if err != nil || m == nil {
		return err
	}
	if q.fifo && !m.visible.After(s.cfg.Clock.Now()) {
		return invalid("Value %s for parameter ReceiptHandle is invalid. Reason: The receipt handle has expired.", receipt)
	}
	q.remove(m)
	if q.fifo {
		q.wake() // the next of its group
	}
	return nil
}

// ChangeVisibility makes the message of a receipt visible after d from now.
func (s *Service) ChangeVisibility(ref, receipt string, d time.Duration) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	q, err := s.get(ref)
	if err != nil {
		return err
	}
	return s.changeVisibility(q, receipt, d)
}

func (s *Service) changeVisibility(q *queue, receipt string, d time.Duration) error {
	if d < 0 || d > maxVisibility {
		return invalid("Value %d for parameter VisibilityTimeout is invalid. Reason: Must be between 0 and 43200.", d/time.Second)
	}
	m, err := q.find(receipt)
	if err != nil {
		return err
	}
	now := s.cfg.Clock.Now()
	if m == nil {
		return invalid("Value %s for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", receipt)
	}
	if !m.visible.After(now) {
		return &api.Error{
			Code: "MessageNotInflight", QueryCode: "AWS.SimpleQueueService.MessageNotInflight",
			Message: "The message referred to isn't in flight.",
		}
	}
	m.visible = now.Add(d)
	q.wake()
	return nil
}

// take returns up to n messages that are visible, and when the next will be if there is none: zero
// if nothing is to come without a change. It moves those that were received too often to the
// dead-letter queue.
func (s *Service) take(q *queue, n int, visibility time.Duration) (taken []Message, next time.Time) {
	now := s.cfg.Clock.Now()
	q.expire(now)
	blocked := make(map[string]bool) // groups of which a message is not visible
	for e := q.messages.Front(); e != nil && len(taken) < n; {
		m := e.Value.(*message)
		e = e.Next()
		if q.fifo && blocked[m.group] {
			continue
		}
		if m.visible.After(now) {
			blocked[m.group] = true
			if next.IsZero() || m.visible.Before(next) {
				next = m.visible
			}
			continue
		}
		if q.maxReceives > 0 && m.receives >= q.maxReceives && s.bury(q, m) {
			continue
		}
		m.receives++
		m.receipt++
		if m.first.IsZero() {
			m.first = now
		}
		m.visible = now.Add(visibility)
		taken = append(taken, s.received(q, m))
	}
	return taken, next
}

// bury moves a message to the dead-letter queue, and reports false if there is none.
func (s *Service) bury(q *queue, m *message) bool {
	dead := s.queues[q.deadLetters]
	if dead == nil || dead == q {
		return false
	}
	q.remove(m)
	now := s.cfg.Clock.Now()
	m.source, m.receipt, m.visible = s.ARN(q.name), 0, now
	if q.fifo { // a standard queue keeps the time at which it was sent
		m.sent = now
	}
	dead.push(m)
	if s.cfg.Buried != nil {
		s.cfg.Buried(q.name, dead.name, m.receives)
	}
	return true
}

func (s *Service) received(q *queue, m *message) Message {
	system := map[string]string{
		"SenderId":                         "AIDA" + "GATESOCKLOCAL000",
		"SentTimestamp":                    strconv.FormatInt(m.sent.UnixMilli(), 10),
		"ApproximateReceiveCount":          strconv.Itoa(m.receives),
		"ApproximateFirstReceiveTimestamp": strconv.FormatInt(m.first.UnixMilli(), 10),
	}
	for name, value := range map[string]string{
		"SequenceNumber": m.sequence, "MessageGroupId": m.group, "MessageDeduplicationId": m.dedupe,
		"AWSTraceHeader": m.trace, "DeadLetterQueueSourceArn": m.source,
	} {
		if value != "" {
			system[name] = value
		}
	}
	return Message{
		ID: m.id, Receipt: q.handle(m), Body: m.body, BodyMD5: bodyMD5(m.body),
		System: system, Attributes: m.attributes, Sent: m.sent,
	}
}

// sourcesOf returns the names of the queues whose dead-letter queue q is.
func (s *Service) sourcesOf(q *queue) []string {
	var names []string
	for _, other := range s.queues {
		if other.deadLetters == q.name {
			names = append(names, other.name)
		}
	}
	slices.SortFunc(names, cmp.Compare[string])
	return names
}
