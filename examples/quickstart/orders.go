package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/go-reconnect/reconnect/dlq"
)

// orderSchema is the Connect schema of an order. JsonConverter with schemas.enable=true wants it beside every payload.
const orderSchema = `{"type":"struct","fields":[{"field":"id","type":"string"},{"field":"customer","type":"string"},{"field":"cents","type":"int64"}],"optional":false}`

// fault is what is wrong with a record when it is produced.
type fault string

const (
	faultNone       fault = ""
	faultNoEnvelope fault = "no schema envelope"
	faultComma      fault = "a trailing comma"
	faultQuotes     fault = "single quotes"
	faultBoth       fault = "a trailing comma and no schema envelope"
)

// fixers repair what is wrong with the orders, in this order: a value that is not JSON because of something certain, then JSON without its
// schema. What they cannot repair is parked for a person, never guessed at.
func fixers() []dlq.Fixer {
	return []dlq.Fixer{dlq.RepairJSON(dlq.JSONRepair{}), dlq.AddSchemaEnvelope(orderSchema)}
}

// order is one record of the story, with what has to become of it.
type order struct {
	id     string
	fault  fault
	record *kgo.Record // as produced
	good   []byte      // the value that the record should have had: what a repair has to restore, byte for byte
	line   string      // what FileStreamSink writes for it
}

// makeOrders builds n orders over the partitions of topic, every 23rd with a fault, some with keys and headers that are easy to damage.
func makeOrders(topic string, n int, partitions int32, now time.Time) []order {
	faults := []fault{faultNoEnvelope, faultComma, faultQuotes, faultBoth}
	orders := make([]order, n)
	partition := int32(0)
	for i := range orders {
		o := order{id: fmt.Sprintf("order-%04d", i)}
		customer, cents := fmt.Sprintf("customer %d & söhne", i%17), 100+i*37
		payload := fmt.Sprintf(`{"id":%q,"customer":%q,"cents":%d}`, o.id, customer, cents)
		o.good = []byte(envelope(payload))
		o.line = fmt.Sprintf("Struct{id=%s,customer=%s,cents=%d}", o.id, customer, cents)
		if i%every == first {
			o.fault = faults[i/every%len(faults)]
		}
		value := o.good
		switch o.fault {
		case faultComma:
			value = []byte(envelope(payload[:len(payload)-1] + ",}"))
		case faultNoEnvelope:
			value = []byte(payload)
		case faultBoth:
			value = []byte(payload[:len(payload)-1] + ",}")
		case faultQuotes:
			value = []byte(envelope(strings.ReplaceAll(payload, `"`, "'")))
		case faultNone:
		}
		o.record = &kgo.Record{
			Topic: topic, Partition: partition, Key: []byte(o.id), Value: value,
			Timestamp: time.UnixMilli(now.UnixMilli() + int64(i)),
		}
		// Null and empty are different things in Kafka, and headers are a list: order and repetition count.
		lastFault := i%every == first && i+every >= n
		switch {
		case i%5 == 1:
			o.record.Key = nil
		case lastFault, i%5 == 2 && o.fault == faultNone && i+every < n:
			// The newest record with this key is the broken one: where a newer one exists, the republisher parks the old one by default.
			o.record.Key = []byte{}
		}
		if i%5 == 2 || lastFault {
			o.record.Headers = []kgo.RecordHeader{
				{Key: "trace-id", Value: []byte("00-4bf92f")},
				{Key: "tag", Value: []byte("first")},
				{Key: "binary", Value: []byte{0, 1, 0xfe, 0xff}},
				{Key: "tag", Value: []byte("second")},
				{Key: "null"},
				{Key: "empty", Value: []byte{}},
			}
		}
		orders[i] = o
		partition = (partition + 1) % partitions
	}
	return orders
}

// Every 23rd order is broken, from the 13th on.
const (
	first = 12
	every = 23
)

func envelope(payload string) string {
	return `{"schema":` + orderSchema + `,"payload":` + payload + `}`
}

// idOf finds the order's id in a record's value, repaired or not, without trusting its syntax.
func idOf(value []byte) string {
	var v struct {
		ID      string `json:"id"`
		Payload struct {
			ID string `json:"id"`
		} `json:"payload"`
	}
	if json.Unmarshal(value, &v) != nil {
		return ""
	}
	if v.Payload.ID != "" {
		return v.Payload.ID
	}
	return v.ID
}
