//go:build !race

package cloud

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/logging"
	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock/cmd/gatesock/internal/project"
	"github.com/gatesock/gatesock/conn"
	"github.com/gatesock/gatesock/dynamo"
)

// cacheFolder returns the folder where scripts/dynamodb-local keeps the program.
func cacheFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.Getwd()
	require.NoError(t, err)
	for {
		if _, err := os.Stat(filepath.Join(folder, "scripts", "dynamodb-local")); err == nil {
			return filepath.Join(folder, ".cache", "dynamodb")
		}
		require.NotEqual(t, folder, filepath.Dir(folder), "scripts/dynamodb-local is in no folder above")
		folder = filepath.Dir(folder)
	}
}

func table(name, key string) project.Table {
	const s = types.ScalarAttributeTypeS
	return project.Table{
		ID: name, Name: name, ARN: arn("dynamodb", "table/"+name), StreamARN: arn("dynamodb", "table/"+name+"/stream/x"), TTL: "expires",
		Create: &dynamodb.CreateTableInput{
			TableName: &name, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{
				{AttributeName: &key, AttributeType: s}, {AttributeName: aws.String("room"), AttributeType: s},
			},
			KeySchema: []types.KeySchemaElement{{AttributeName: &key, KeyType: types.KeyTypeHash}},
			StreamSpecification: &types.StreamSpecification{
				StreamEnabled: aws.Bool(true), StreamViewType: types.StreamViewTypeNewImage,
			},
			GlobalSecondaryIndexes: []types.GlobalSecondaryIndex{{
				IndexName: aws.String("byRoom"), Projection: &types.Projection{ProjectionType: types.ProjectionTypeAll},
				KeySchema: []types.KeySchemaElement{{AttributeName: aws.String("room"), KeyType: types.KeyTypeHash}},
			}},
		},
	}
}

// TestDynamo has the whole way: a program writes through the front, and the stream invokes a
// function; a second cloud on the same tables finds them, and one with another key names it.
func TestDynamo(t *testing.T) {
	t.Parallel()
	d, err := StartDynamo(t.Context(), DynamoOptions{Cache: cacheFolder(t), Data: filepath.Join(t.TempDir(), "tables")})
	require.NoError(t, err)
	defer d.Close()
	got, chat := make(chan string, 10), "chat"
	start := func(tables ...project.Table) *world {
		p := &project.Project{
			Region: region, AccountID: account, Tables: tables, Functions: []project.Function{function("F")},
			Mappings: []project.Mapping{{Source: tables[0].StreamARN, Function: "F", StartingPosition: "LATEST", Retries: -1}},
		}
		w := newWorld(t, p, func(cfg *Config) { cfg.Dynamo = d.URL })
		w.answers(func(_ int, _ string, payload []byte) ([]byte, error) {
			got <- string(payload)
			return nil, nil
		})
		return w
	}
	w := start(table("chat", "id"))
	require.Contains(t, w.cloud.Services(), "dynamodb")
	list := httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader("{}"))
	list.Header.Set("X-Amz-Target", "DynamoDB_20120810.ListTables")
	answer := httptest.NewRecorder()
	w.cloud.ServeHTTP(answer, list)
	require.JSONEq(t, `{"TableNames":["chat"]}`, answer.Body.String())
	require.Equal(t, strconv.FormatUint(uint64(crc32.ChecksumIEEE(answer.Body.Bytes())), 10), answer.Header().Get("X-Amz-Crc32"))
	var logged bytes.Buffer // what the SDK warns about
	api := dynamodb.New(dynamodb.Options{
		Region: "ap-south-1", Credentials: keys(), HTTPClient: w.http(), Logger: logging.NewStandardLogger(&logged),
	})
	put := func(id string) {
		_, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &chat, Item: map[string]types.AttributeValue{
			"id": &types.AttributeValueMemberS{Value: id}, "room": &types.AttributeValueMemberS{Value: "r"},
		}})
		require.NoError(t, err)
	}
	put("one")
	event := records(t, <-got)[0]
	require.Equal(t, "INSERT", event["eventName"])
	require.Equal(t, arn("dynamodb", "table/chat/stream/x"), event["eventSourceARN"])
	require.Equal(t, "aws:dynamodb", event["eventSource"])
	require.Equal(t, region, event["awsRegion"])
	change := event["dynamodb"].(map[string]any)
	require.Equal(t, map[string]any{"id": map[string]any{"S": "one"}}, change["Keys"])
	require.Equal(t, map[string]any{"id": map[string]any{"S": "one"}, "room": map[string]any{"S": "r"}}, change["NewImage"])
	require.NotContains(t, change, "OldImage")
	query, err := api.Query(t.Context(), &dynamodb.QueryInput{
		TableName: aws.String("chat"), IndexName: aws.String("byRoom"), KeyConditionExpression: aws.String("room = :r"),
		ExpressionAttributeValues: map[string]types.AttributeValue{":r": &types.AttributeValueMemberS{Value: "r"}},
	})
	require.NoError(t, err)
	require.Len(t, query.Items, 1)
	ttl, err := api.DescribeTimeToLive(t.Context(), &dynamodb.DescribeTimeToLiveInput{TableName: aws.String("chat")})
	require.NoError(t, err)
	require.Equal(t, "expires", *ttl.TimeToLiveDescription.AttributeName)
	key := map[string]types.AttributeValue{"id": &types.AttributeValueMemberS{Value: "x"}}
	_, err = api.GetItem(t.Context(), &dynamodb.GetItemInput{TableName: aws.String("none"), Key: key})
	require.ErrorAs(t, err, new(*types.ResourceNotFoundException))
	require.Empty(t, logged.String())
	require.NoError(t, w.cloud.Close(context.Background()))

	w = start(table("chat", "id"))
	require.Empty(t, w.texts(KindNotice))
	put = func(id string) {
		api = dynamodb.New(dynamodb.Options{Region: region, Credentials: keys(), HTTPClient: w.http()})
		_, err := api.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &chat, Item: map[string]types.AttributeValue{
			"id": &types.AttributeValueMemberS{Value: id},
		}})
		require.NoError(t, err)
	}
	put("two")
	require.Equal(t, map[string]any{"id": map[string]any{"S": "two"}}, records(t, <-got)[0]["dynamodb"].(map[string]any)["Keys"],
		"from the end of the stream on")
	require.NoError(t, w.cloud.Close(context.Background()))

	w = start(table("chat", "key"))
	require.Equal(t, []string{
		"the table chat: it is there from an earlier run with the key id HASH, not key HASH: delete it, or the folder of the tables",
	}, w.texts(KindNotice))
	require.NoError(t, w.cloud.Close(context.Background()))
	other := table("chat", "id")
	other.Create.GlobalSecondaryIndexes[0].IndexName = aws.String("other")
	w = start(other)
	require.Contains(t, fmt.Sprint(w.texts(KindNotice)), "without the index other")
	require.NoError(t, w.cloud.Close(context.Background()))
}

// TestMembers reads the records that package dynamo has written, of one table among others.
func TestMembers(t *testing.T) {
	t.Parallel()
	d, err := StartDynamo(t.Context(), DynamoOptions{Cache: cacheFolder(t)})
	require.NoError(t, err)
	defer d.Close()
	ours := func(name string) project.Table {
		const s = types.ScalarAttributeTypeS
		return project.Table{ID: name, Name: name, ARN: arn("dynamodb", "table/"+name), Create: &dynamodb.CreateTableInput{
			TableName: &name, BillingMode: types.BillingModePayPerRequest,
			AttributeDefinitions: []types.AttributeDefinition{
				{AttributeName: aws.String("pk"), AttributeType: s}, {AttributeName: aws.String("sk"), AttributeType: s},
			},
			KeySchema: []types.KeySchemaElement{
				{AttributeName: aws.String("pk"), KeyType: types.KeyTypeHash},
				{AttributeName: aws.String("sk"), KeyType: types.KeyTypeRange},
			},
		}}
	}
	p := &project.Project{Tables: []project.Table{table("other", "id"), ours("empty"), ours("chat")}}
	w := newWorld(t, p, func(cfg *Config) { cfg.Dynamo = d.URL })
	defer func() { require.NoError(t, w.cloud.Close(context.Background())) }()
	ctx, id := t.Context(), "L0SM9cOFvHcCIhw="
	user, groups, err := w.cloud.Members(ctx, id)
	require.NoError(t, err)
	require.Empty(t, user)
	require.Empty(t, groups)
	registry := dynamo.Open(w.cloud.tables, "chat").Connections()
	now := time.Now()
	record := conn.Conn{ID: id, User: "ann", ConnectedAt: now, ExpiresAt: now.Add(time.Hour)}
	require.NoError(t, registry.Put(ctx, record))
	require.NoError(t, registry.Join(ctx, id, "room:1"))
	user, groups, err = w.cloud.Members(ctx, id)
	require.NoError(t, err)
	require.Equal(t, "ann", user)
	require.ElementsMatch(t, []string{"room:1", conn.UserGroup("ann")}, groups)
	without := &Cloud{}
	_, _, err = without.Members(ctx, id)
	require.NoError(t, err)
}
