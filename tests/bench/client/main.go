// The benchmark's client: a kubelet's calls by a kubelet's gRPC library, so that what is measured
// is the server. Each command prints one line of JSON: samples in milliseconds, and values.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Result is what a command prints.
type Result struct {
	Samples map[string][]float64 `json:"samples"`
	Values  map[string]float64   `json:"values"`
}

func newResult() *Result {
	return &Result{Samples: map[string][]float64{}, Values: map[string]float64{}}
}

// Options are the flags of all commands; each uses those that it needs.
type Options struct {
	socket, image, logDir, cgroupParent, method string
	prefix, bundles, conf, plugins, netns, runc string
	count, containers, parallel                 int
	duration                                    time.Duration
	timeout                                     time.Duration
}

var commands = map[string]func(context.Context, *Options) (*Result, error){
	"pods":   measurePods,
	"make":   makePods,
	"clear":  clearPods,
	"calls":  measureCalls,
	"steady": steadyLoad,
	"wait":   waitReady,
	"floor":  measureFloor,
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-client:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 2 || commands[os.Args[1]] == nil {
		return fmt.Errorf("usage: bench-client COMMAND [FLAG…]")
	}
	o := &Options{}
	flags := flag.NewFlagSet(os.Args[1], flag.ContinueOnError)
	flags.StringVar(&o.socket, "socket", "", "path of the CRI socket")
	flags.StringVar(&o.image, "image", "", "image of the containers")
	flags.StringVar(&o.logDir, "log-dir", "", "folder of the pods' logs")
	flags.StringVar(&o.cgroupParent, "cgroup-parent", "", "cgroup of the pods")
	flags.StringVar(&o.method, "method", "Version", "what calls calls")
	flags.StringVar(&o.prefix, "prefix", "bench", "how names of pods begin")
	flags.IntVar(&o.count, "count", 1, "how many pods")
	flags.IntVar(&o.containers, "containers", 1, "how many containers each pod is to have")
	flags.IntVar(&o.parallel, "parallel", 1, "how many at a time")
	flags.DurationVar(&o.duration, "duration", time.Second, "how long to call")
	flags.DurationVar(&o.timeout, "timeout", 5*time.Minute, "bound of the whole command")
	flags.StringVar(&o.bundles, "bundles", "", "folder with the bundles sandbox and container")
	flags.StringVar(&o.conf, "conf", "", "network configuration list")
	flags.StringVar(&o.plugins, "plugins", "", "folder of network plugins")
	flags.StringVar(&o.netns, "netns", "", "path of the network namespace that the bundles name")
	flags.StringVar(&o.runc, "runc", "runc", "the runtime")
	if err := flags.Parse(os.Args[2:]); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	result, err := commands[os.Args[1]](ctx, o)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

// Clients are the two services on one connection.
type Clients struct {
	runtime cri.RuntimeServiceClient
	images  cri.ImageServiceClient
	conn    *grpc.ClientConn
}

func dial(o *Options, options ...grpc.CallOption) (*Clients, error) {
	// The kubelet's limit.
	options = append(options, grpc.MaxCallRecvMsgSize(16<<20))
	conn, err := grpc.NewClient("unix:"+o.socket,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(options...))
	if err != nil {
		return nil, err
	}
	return &Clients{cri.NewRuntimeServiceClient(conn), cri.NewImageServiceClient(conn), conn}, nil
}

// unread takes answers as they come and leaves them so: to decode a list costs more than to send
// it, and it is the server that is measured.
type unread struct{ encoding.CodecV2 }

func (unread) Unmarshal(mem.BufferSlice, any) error { return nil }

var leaveUnread = grpc.ForceCodecV2(unread{encoding.GetCodecV2(proto.Name)})

func sinceMs(began time.Time) float64 {
	return float64(time.Since(began).Nanoseconds()) / 1e6
}
