package cloud

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sns"
	"github.com/aws/aws-sdk-go-v2/service/sns/types"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
)

func (w *world) sns() *sns.Client {
	return sns.New(sns.Options{Region: region, Credentials: keys(), HTTPClient: w.http(), Retryer: aws.NopRetryer{}})
}

func topicOf(name string, subscriptions ...project.Subscription) project.Topic {
	fifo := strings.HasSuffix(name, ".fifo")
	return project.Topic{ID: name, Name: name, ARN: arn("sns", name), Subscriptions: subscriptions, FIFO: fifo}
}

func toQueue(name string) project.Subscription {
	return project.Subscription{Protocol: "sqs", Endpoint: arn("sqs", name)}
}

func toFunction(name string) project.Subscription {
	return project.Subscription{Protocol: "lambda", Endpoint: arn("lambda", "function:app-"+name)}
}

func text(s string) types.MessageAttributeValue {
	return types.MessageAttributeValue{DataType: aws.String("String"), StringValue: &s}
}

func TestTopicToQueueAndFunction(t *testing.T) {
	t.Parallel()
	raw := toQueue("raw")
	raw.Raw = true
	p := &project.Project{
		Functions: []project.Function{function("F")}, Queues: []project.Queue{queueOf("q", nil), queueOf("raw", nil)},
		Topics: []project.Topic{topicOf("news", toQueue("q"), raw, toFunction("F"))},
	}
	inWorld(t, p, func(w *world) {
		out, err := w.sns().Publish(w.t.Context(), &sns.PublishInput{
			TopicArn: aws.String(arn("sns", "news")), Message: aws.String("hello <&>"), Subject: aws.String("hi"),
			MessageAttributes: map[string]types.MessageAttributeValue{
				"k": text("v"), "b": {DataType: aws.String("Binary"), BinaryValue: []byte{1}},
			},
		})
		require.NoError(w.t, err)
		attributes := map[string]any{
			"k": map[string]any{"Type": "String", "Value": "v"}, "b": map[string]any{"Type": "Binary", "Value": "AQ=="},
		}
		want := map[string]any{
			"Type": "Notification", "MessageId": *out.MessageId, "TopicArn": arn("sns", "news"), "Subject": "hi", "Message": "hello <&>",
			"Timestamp": "2000-01-01T00:00:00.000Z", "SignatureVersion": "1", "Signature": "gatesock-dev-does-not-sign",
			"MessageAttributes": attributes,
		}
		envelope := decode(w.t, *w.receive("q")[0].Body)
		require.Contains(w.t, envelope["UnsubscribeURL"], "SubscriptionArn="+arn("sns", "news:"))
		require.NotEmpty(w.t, envelope["SigningCertURL"])
		delete(envelope, "UnsubscribeURL")
		delete(envelope, "SigningCertURL")
		require.Equal(w.t, want, envelope)

		got := w.receive("raw")[0]
		require.Equal(w.t, "hello <&>", *got.Body)
		require.Equal(w.t, "v", *got.MessageAttributes["k"].StringValue)

		calls := w.after(0)
		require.Len(w.t, calls, 1)
		r := records(w.t, calls[0].payload)[0]
		notification := r["Sns"].(map[string]any)
		require.NotEmpty(w.t, notification["SigningCertUrl"])
		delete(notification, "SigningCertUrl")
		delete(notification, "UnsubscribeUrl")
		require.Equal(w.t, want, notification)
		require.Equal(w.t, "aws:sns", r["EventSource"])
		require.Equal(w.t, "1.0", r["EventVersion"])
		require.Contains(w.t, r["EventSubscriptionArn"], arn("sns", "news:"))
		require.Len(w.t, w.outcomes(KindTopic), 3)
		require.Equal(w.t, []string{"news -> F #1"}, w.outcomes(KindAsync))
	})
}

func TestMessageWithoutSubject(t *testing.T) {
	t.Parallel()
	p := &project.Project{
		Functions: []project.Function{function("F")}, Queues: []project.Queue{queueOf("q", nil)},
		Topics: []project.Topic{topicOf("news", toQueue("q"), toFunction("F"))},
	}
	inWorld(t, p, func(w *world) {
		_, err := w.sns().Publish(w.t.Context(), &sns.PublishInput{
			TargetArn: aws.String(arn("sns", "news")), Message: aws.String(`{"default":"d","sqs":"for the queue"}`), MessageStructure: aws.String("json"),
		})
		require.NoError(w.t, err)
		envelope := decode(w.t, *w.receive("q")[0].Body)
		require.Equal(w.t, "for the queue", envelope["Message"])
		require.NotContains(w.t, envelope, "Subject")
		require.NotContains(w.t, envelope, "MessageAttributes")
		notification := records(w.t, w.after(0)[0].payload)[0]["Sns"].(map[string]any)
		require.Equal(w.t, "d", notification["Message"])
		require.Nil(w.t, notification["Subject"])
		require.Equal(w.t, map[string]any{}, notification["MessageAttributes"])
	})
}

func TestFilterPolicies(t *testing.T) {
	t.Parallel()
	byAttribute, byBody := toQueue("attribute"), toQueue("body")
	byAttribute.FilterPolicy = json.RawMessage(`{"kind":["order",{"prefix":"x-"}],"price":[{"numeric":[">",10]},5],"tag":[{"exists":false},"t2"]}`)
	byBody.FilterPolicy, byBody.FilterBody = json.RawMessage(`{"user":{"name":["ann"]}}`), true
	byBody.Raw = true
	byAttribute.Raw = true
	p := &project.Project{
		Queues: []project.Queue{queueOf("attribute", nil), queueOf("body", nil)},
		Topics: []project.Topic{topicOf("news", byAttribute, byBody)},
	}
	inWorld(t, p, func(w *world) {
		number := func(s string) types.MessageAttributeValue {
			return types.MessageAttributeValue{DataType: aws.String("Number"), StringValue: &s}
		}
		list := types.MessageAttributeValue{DataType: aws.String("String.Array"), StringValue: aws.String(`["t1","t2"]`)}
		for body, attributes := range map[string]map[string]types.MessageAttributeValue{
			"yes":                     {"kind": text("order"), "price": number("11")},
			"also":                    {"kind": text("x-y"), "price": number("5.0"), "tag": list},
			"cheap":                   {"kind": text("order"), "price": number("4")},
			"tagged":                  {"kind": text("order"), "price": number("11"), "tag": text("t1")},
			"nothing":                 {},
			`{"user":{"name":"ann"}}`: {},
			`{"user":{"name":"bob"}}`: {},
		} {
			_, err := w.sns().Publish(w.t.Context(), &sns.PublishInput{
				TopicArn: aws.String(arn("sns", "news")), Message: &body, MessageAttributes: attributes,
			})
			require.NoError(w.t, err)
		}
		var got []string
		for _, m := range w.receive("attribute") {
			got = append(got, *m.Body)
		}
		require.ElementsMatch(w.t, []string{"yes", "also"}, got)
		left := w.receive("body")
		require.Len(w.t, left, 1)
		require.Equal(w.t, `{"user":{"name":"ann"}}`, *left[0].Body)
	})
}

func TestFIFOTopic(t *testing.T) {
	t.Parallel()
	p := &project.Project{
		Queues: []project.Queue{queueOf("q.fifo", map[string]string{"FifoQueue": "true"})},
		Topics: []project.Topic{topicOf("news.fifo", toQueue("q.fifo"))},
	}
	inWorld(t, p, func(w *world) {
		for range 2 {
			out, err := w.sns().Publish(w.t.Context(), &sns.PublishInput{
				TopicArn: aws.String(arn("sns", "news.fifo")), Message: aws.String("same"), MessageGroupId: aws.String("g"),
			})
			require.NoError(w.t, err)
			require.Len(w.t, *out.SequenceNumber, 20)
		}
		got := w.receive("q.fifo")
		require.Len(w.t, got, 1)
		require.Equal(w.t, "g", got[0].Attributes["MessageGroupId"])
		_, err := w.sns().Publish(w.t.Context(), &sns.PublishInput{
			TopicArn: aws.String(arn("sns", "news.fifo")), Message: aws.String("x"),
		})
		require.ErrorAs(w.t, err, new(*types.InvalidParameterException))
	})
}

func TestPublishBatch(t *testing.T) {
	t.Parallel()
	p := &project.Project{Queues: []project.Queue{queueOf("q", nil)}, Topics: []project.Topic{topicOf("news", toQueue("q"))}}
	inWorld(t, p, func(w *world) {
		entry := func(id, body string) types.PublishBatchRequestEntry {
			return types.PublishBatchRequestEntry{
				Id: &id, Message: &body, MessageAttributes: map[string]types.MessageAttributeValue{"k": text(id)},
			}
		}
		out, err := w.sns().PublishBatch(w.t.Context(), &sns.PublishBatchInput{
			TopicArn:                   aws.String(arn("sns", "news")),
			PublishBatchRequestEntries: []types.PublishBatchRequestEntry{entry("1", "a"), entry("2", ""), entry("3", "c")},
		})
		require.NoError(w.t, err)
		require.Len(w.t, out.Successful, 2)
		require.Equal(w.t, "1", *out.Successful[0].Id)
		require.NotEmpty(w.t, *out.Successful[0].MessageId)
		require.Len(w.t, out.Failed, 1)
		require.Equal(w.t, "2 InvalidParameter", *out.Failed[0].Id+" "+*out.Failed[0].Code)
		got := w.receive("q")
		require.Len(w.t, got, 2)
		require.Equal(w.t, map[string]any{"Type": "String", "Value": "3"}, decode(w.t, *got[1].Body)["MessageAttributes"].(map[string]any)["k"])
		for want, entries := range map[string][]types.PublishBatchRequestEntry{
			"BatchEntryIdsNotDistinct": {entry("1", "a"), entry("1", "b")}, "EmptyBatchRequest": {},
		} {
			_, err := w.sns().PublishBatch(w.t.Context(), &sns.PublishBatchInput{
				TopicArn: aws.String(arn("sns", "news")), PublishBatchRequestEntries: entries,
			})
			require.Contains(w.t, code(w.t, err), want)
		}
	})
}

func TestTopicsAndRefusals(t *testing.T) {
	t.Parallel()
	dead := toQueue("gone")
	dead.DeadLetter = arn("sqs", "dead")
	bad := toQueue("dead")
	bad.FilterPolicy = json.RawMessage(`{"k":"v"}`)
	p := &project.Project{
		Queues: []project.Queue{queueOf("dead", nil), queueOf("gone", nil)},
		Topics: []project.Topic{topicOf("news", dead, bad, project.Subscription{Protocol: "https", Endpoint: "https://example.org"}, toFunction("None"))},
	}
	inWorld(t, p, func(w *world) {
		require.Equal(w.t, []string{
			`the topic news delivers nothing to sqs arn:aws:sqs:eu-west-1:123456789012:dead: its filter policy: "k" must be an object or a list`,
			"the topic news delivers nothing to https https://example.org: gatesock dev delivers to functions and queues only",
			"the topic news delivers nothing to lambda arn:aws:lambda:eu-west-1:123456789012:function:app-None: the project has no arn:aws:lambda:eu-west-1:123456789012:function:app-None",
		}, w.texts(KindNotice))
		topics, err := w.sns().ListTopics(w.t.Context(), nil)
		require.NoError(w.t, err)
		require.Equal(w.t, arn("sns", "news"), *topics.Topics[0].TopicArn)
		made, err := w.sns().CreateTopic(w.t.Context(), &sns.CreateTopicInput{Name: aws.String("news")})
		require.NoError(w.t, err)
		require.Equal(w.t, arn("sns", "news"), *made.TopicArn)
		_, err = w.sns().CreateTopic(w.t.Context(), &sns.CreateTopicInput{Name: aws.String("new")})
		require.ErrorContains(w.t, err, "it has none with the name new")
		_, err = w.sns().Publish(w.t.Context(), &sns.PublishInput{TopicArn: aws.String(arn("sns", "none")), Message: aws.String("x")})
		require.ErrorAs(w.t, err, new(*types.NotFoundException))
		_, err = w.sns().Publish(w.t.Context(), &sns.PublishInput{PhoneNumber: aws.String("+1"), Message: aws.String("x")})
		require.ErrorContains(w.t, err, "not to phone numbers")
		_, err = w.sns().Publish(w.t.Context(), &sns.PublishInput{
			TopicArn: aws.String(arn("sns", "news")), Message: aws.String(strings.Repeat("x", maxPublish+1)),
		})
		require.ErrorContains(w.t, err, "Message too long")
		_, err = w.sns().Unsubscribe(w.t.Context(), &sns.UnsubscribeInput{SubscriptionArn: aws.String("x")})
		require.ErrorContains(w.t, err, "does not serve Unsubscribe of sns")
		require.Len(w.t, w.texts(KindRefused), 3)

		require.NoError(w.t, w.cloud.queues.DeleteQueue("gone"))
		_, err = w.sns().Publish(w.t.Context(), &sns.PublishInput{TopicArn: aws.String(arn("sns", "news")), Message: aws.String("lost")})
		require.NoError(w.t, err)
		w.after(time.Minute)
		require.Equal(w.t, "lost", decode(w.t, *w.receive("dead")[0].Body)["Message"])
		require.Contains(w.t, w.outcomes(KindTopic)[0], "the target does not exist here")
		require.Len(w.t, w.outcomes(KindDeadLetter), 1)
	})
}
