package recoverysim_test

import (
	"fmt"
	"os"
	"time"

	"github.com/go-reconnect/reconnect/connect/failure"
	"github.com/go-reconnect/reconnect/recovery"
	"github.com/go-reconnect/reconnect/recovery/recoverysim"
)

func ExampleWrite() {
	script := recoverysim.Script{
		Name: "dies after 5 min", Length: 7 * 24 * time.Hour, Class: failure.ClassUnknown, StartTakes: time.Second, Runs: 5 * time.Minute,
	}
	rules := append(recoverysim.Published()[1:2], recoverysim.Ours(recovery.Policy{ProbeEvery: -1}, recoverysim.Options{}))
	if err := recoverysim.Write(os.Stdout, recoverysim.Compare([]recoverysim.Script{script}, rules...)); err != nil {
		fmt.Println(err)
	}
	// Output:
	// fault             rule            restarts  of them probes  mean recovery  worst  false give-ups  notifications
	// dies after 5 min  Strimzi, max 7  1680      0               -              -      0               0
	//                   ours            5         0               -              -      0               1
}
