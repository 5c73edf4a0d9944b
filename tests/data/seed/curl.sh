curl -X POST {agent-server-http-addr}/api/v1/agent/task/batch \
  -H 'Content-Type: application/json' \
  -d '[
  {
    "taskId": "task123",
    "taskType": "CloudTask",
    "agentId": "agent456",
    "args": {
      "timeout": 60,
      "scriptParams": "{\"abc\": \"1\"}",
      "namespace": "default",
      "taskYaml": "# [必选] 任务定义\ntaskSpec:\n  # [必选] 任务展示名称\n  displayName: \"cc-test\"\n\n  # [必选] 任务步骤定义\n  # 任务有两种模式(只能选其一)\n  # - script 模式:\n  # - command 模式:\n  steps:\n    # [必选] 步骤名称\n    - name: \"step1\"\n      # [可选] 超时时间(默认60分钟)\n      # 持续时间字符串是可能有符号的十进制数字序列，每个十进制数字都带有可选的分数和单位后缀，\n      # 例如“300ms”、“-1.5h”或“2h45m”。有效的时间单位为“ns”、“us”（或“μs”）、“ms”、“s”、“m”、“h”。\n      timeout: \"10s\"\n      # [必选] 任务运行所处的镜像\n      image: \"ccr.ccs.tencentyun.com/library/alpine:latest\"\n      # [必选] 运行的脚本(与 command 二选一)\n      script: |\n        #!/bin/sh\n        echo \"Hello World step1 FOO=$FOO\"\n    - name: \"step2\"\n      image: \"ccr.ccs.tencentyun.com/library/alpine:latest\"\n      # [必选] 指定命令执行(与 script 二选一)\n      command: [ codo ]\n      args: [ \"set-context\", \"abc=123\" ]\n    - name: \"step3\"\n      image: \"ccr.ccs.tencentyun.com/library/alpine:latest\"\n      script: |\n        #!/bin/python\n        import os\n        print(\"Hello World step3 FOO=%s\" % os.environ.get(\"FOO\"))"
    }
  }
]'
