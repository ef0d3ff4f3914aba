package dynamo_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/gatesock/gatesock"
	"github.com/gatesock/gatesock/dynamo"
)

// TestTheTemplateHasTheTableOfNeed derives template.json from Need.
func TestTheTemplateHasTheTableOfNeed(t *testing.T) {
	t.Parallel()
	need := dynamo.Need("TABLE")
	gatesock.New().DeclareNeeds(need)
	type object = map[string]any
	var attributes, keys []object
	for _, k := range []struct{ name, role string }{{need.Table.PartitionKey, "HASH"}, {need.Table.SortKey, "RANGE"}} {
		attributes = append(attributes, object{"AttributeName": k.name, "AttributeType": "S"})
		keys = append(keys, object{"AttributeName": k.name, "KeyType": k.role})
	}
	want, err := json.Marshal(object{
		"AWSTemplateFormatVersion": "2010-09-09",
		"Resources": object{"Table": object{
			"Type": "AWS::DynamoDB::Table",
			"Properties": object{
				"AttributeDefinitions":    attributes,
				"KeySchema":               keys,
				"BillingMode":             "PAY_PER_REQUEST",
				"TimeToLiveSpecification": object{"AttributeName": need.Table.TimeToLive, "Enabled": true},
			},
		}},
	})
	require.NoError(t, err)
	got, err := os.ReadFile("template.json")
	require.NoError(t, err)
	require.JSONEq(t, string(want), string(got))
}

// TestNeedHasTheActionsOfTheStores compares Need with the operations that the stores call, which
// the package documentation lists.
func TestNeedHasTheActionsOfTheStores(t *testing.T) {
	t.Parallel()
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	_, table, _ := bytes.Cut(doc, []byte("# Permissions"))
	table, _, _ = bytes.Cut(table, []byte("package sweep"))
	for _, action := range []string{"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "Query", "Scan", "UpdateItem"} {
		if bytes.Contains(table, []byte(action)) {
			require.Contains(t, dynamo.Need("TABLE").Actions, "dynamodb:"+action)
		} else {
			require.NotContains(t, dynamo.Need("TABLE").Actions, "dynamodb:"+action)
		}
	}
}
